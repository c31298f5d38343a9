"""A step of several seeds. Shape suffixes: S seeds, B batch, C channels, H height, W width, K classes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from harness.batches.forward_settings import ForwardSettings
from harness.training.evaluation import checked_logits
from harness.training.optimizers import optimizer_of, parameter_groups
from harness.training.precision import computing
from harness.training.resolved_recipe import ResolvedRecipe
from harness.training.seeds.dropout import SeedGenerators
from harness.training.seeds.network import SeedNetworks
from harness.training.seeds.optimizer_states import clip_each


class SeedStep:
    """Forward, backward and update of all seeds at once.

    Args:
        networks: One for each seed; their tensors become views of stacked ones.
        class_weights_K: Weights of classes in the loss.
    """

    def __init__(
        self,
        networks: Sequence[nn.Module],
        seeds: Sequence[int],
        resolved: ResolvedRecipe,
        settings: ForwardSettings,
        *,
        num_classes: int,
        class_weights_K: Tensor | None = None,
    ) -> None:
        self.generators = SeedGenerators(seeds, settings.device, settings.memory_format)
        self.networks = SeedNetworks(networks, self.generators)
        self._hp, self._settings, self._num_classes = resolved.hp, settings, num_classes
        # The groups follow from the shapes and names of one network.
        whole = dict(self.networks.stacked.named_parameters())
        names = {id(parameter): name for name, parameter in networks[0].named_parameters()}
        groups = parameter_groups(networks[0], resolved.hp)
        self.optimizer = optimizer_of(
            [{**group, "params": [whole[names[id(each)]] for each in group["params"]]} for group in groups],
            resolved.hp,
        )
        self._trainable = [each for group in self.optimizer.param_groups for each in group["params"]]
        self._losses = torch.vmap(resolved.make_loss(class_weights_K))

    def gradients(self, images_SBCHW: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the gradients; return the mean loss of each seed ``[S]`` and the logits ``[S, B, K]``, detached.

        Args:
            targets: Class indices ``[S, B]`` or probabilities ``[S, B, K]``.
        """
        self.optimizer.zero_grad(set_to_none=True)
        seeds, batch = images_SBCHW.shape[:2]
        with computing(self._settings.device, self._settings.precision):
            output = self.networks(images_SBCHW)
        flat = checked_logits(output.flatten(0, 1), seeds * batch, self._num_classes).float()
        logits_SBK = flat.unflatten(0, (seeds, batch))
        loss_S = self._losses(logits_SBK, targets)
        loss_S.sum().backward()  # no seed's loss depends on another's weights
        return loss_S.detach(), logits_SBK.detach()

    def update(self) -> None:
        """Update all weights, with each seed's gradients clipped by their own norm."""
        if self._hp.clip_norm > 0:
            clip_each(self._trainable, self._hp.clip_norm)
        self.optimizer.step()
