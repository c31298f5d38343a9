"""Seed batching: whether several seeds of a network train faster together than one after another, found by a probe.

The probe first makes sure that a batched network computes what the networks compute alone, then times both in turns.
Shape suffixes: S seeds, B batch, C channels, H height, W width.
"""

from __future__ import annotations

import copy
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from harness.batches.forward_settings import ForwardSettings
from harness.faults.errors import TrialError
from harness.faults.out_of_memory import is_out_of_memory
from harness.measuring.training_step import training_step
from harness.measuring.tuning import MARGIN, MIN_WINDOW_SECONDS, ROUNDS, SHARE, seconds_of_calls
from harness.training.precision import computing, exact_fp32
from harness.training.resolved_recipe import ResolvedRecipe
from harness.training.seeds.step import SeedStep
from zoo.text import error_message

TOLERANCE = {"fp32": 0.02, "bf16": 0.2}
"""How far a gradient may be from the one computed alone, relative to its norm. Rounding moves a deep network's by
percents where it flips a ReLU; a seed that sees another's images or weights is off by more than the whole."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedProbe:
    """What a probe found."""

    batches: bool
    """Whether to train seeds together."""
    reason: str
    """Why, as a part of a sentence."""


def probe_seeds(
    networks: Sequence[nn.Module],
    resolved: ResolvedRecipe,
    settings: ForwardSettings,
    images_SBCHW: Tensor,
    labels_SB: Tensor,
    *,
    num_classes: int,
    num_steps: int,
    must_be_faster: bool,
) -> SeedProbe:
    """Return whether to train *networks* together; they are left as they are.

    Args:
        networks: One for each seed, on the device.
        images_SBCHW: A batch of normalised training images for each seed.
        num_steps: Steps of the training; one too short to be timed is not batched if that must be faster.
        must_be_faster: Whether to time both ways; otherwise it is enough that results agree.
    """
    if must_be_faster and num_steps * SHARE < 1:
        return SeedProbe(batches=False, reason="too few steps to time")

    def copies() -> list[nn.Module]:
        return [copy.deepcopy(each) for each in networks]

    def together(own: Sequence[nn.Module]) -> SeedStep:
        made = SeedStep(own, range(len(own)), resolved, settings, num_classes=num_classes)
        made.generators.start_epoch(1)
        made.networks.train()
        return made

    try:
        with exact_fp32(settings.device):
            difference = _difference(copies(), together, resolved, settings, images_SBCHW, labels_SB)
            if difference:
                return SeedProbe(batches=False, reason=difference)
            if not must_be_faster:
                return SeedProbe(batches=True, reason="as requested")
            ratio = _gain(copies(), together, resolved, settings, images_SBCHW, labels_SB)
    except TrialError:
        raise  # as it does alone
    except Exception as error:
        if is_out_of_memory(error):
            return SeedProbe(batches=False, reason="there is not enough memory for all seeds at once")
        return SeedProbe(batches=False, reason=f"the network cannot be batched: {error_message(error)}")
    return SeedProbe(
        batches=ratio > MARGIN, reason=f"{len(networks)} seeds ran at {ratio:.2f} times their speed one after another"
    )


def _difference(
    networks: list[nn.Module],
    together: Callable[[Sequence[nn.Module]], SeedStep],
    resolved: ResolvedRecipe,
    settings: ForwardSettings,
    images_SBCHW: Tensor,
    labels_SB: Tensor,
) -> str:
    """Return how a batched network differs from those alone after one step without dropout; empty if it does not."""
    for network in networks:
        for module in network.modules():
            if type(module) is nn.Dropout:
                module.p = 0.0
    alone = [copy.deepcopy(network).train() for network in networks]
    step = together(networks)
    loss_S, _ = step.gradients(images_SBCHW, labels_SB)
    loss_of, tolerance = resolved.make_loss(), TOLERANCE[settings.precision]
    far: list[tuple[Tensor, str]] = []
    names = [name for name, each in step.networks.stacked.named_parameters() if each.grad is not None]
    for place, network in enumerate(alone):
        with computing(settings.device, settings.precision):
            logits_BK = network(images_SBCHW[place])
        loss = loss_of(logits_BK.float(), labels_SB[place])
        loss.backward()
        whole = _norm([network.get_parameter(name).grad for name in names])
        far.append(((loss_S[place] - loss.detach()).abs() / loss.detach().abs().clamp(min=1e-3), "the losses"))
        for name in names:
            expected, found = network.get_parameter(name).grad, step.networks.stacked.get_parameter(name).grad
            assert expected is not None
            assert found is not None
            # A gradient that is all but zero, as of a bias before batch normalisation, is rounding.
            scale = torch.linalg.vector_norm(expected) + 1e-2 * whole
            far.append((torch.linalg.vector_norm(found[place] - expected) / scale, f"the gradients of {name}"))
        for name, buffer in network.named_buffers():
            mine = step.networks.stacked.get_buffer(name)[place].float()
            scale = torch.linalg.vector_norm(buffer.float()).clamp(min=1e-3)
            far.append((torch.linalg.vector_norm(mine - buffer.float()) / scale, f"the buffer {name}"))
    most = torch.stack([amount.float() for amount, _ in far]).nan_to_num(nan=torch.inf)
    worst = int(most.argmax())
    if float(most[worst]) <= tolerance:
        return ""
    return f"{far[worst][1]} differ from those of the networks alone by {100 * float(most[worst]):.0f} %"


def _norm(gradients: Sequence[Tensor | None]) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(
        torch.stack([torch.linalg.vector_norm(each) for each in gradients if each is not None])
    )
    return norm


def _gain(
    networks: list[nn.Module],
    together: Callable[[Sequence[nn.Module]], SeedStep],
    resolved: ResolvedRecipe,
    settings: ForwardSettings,
    images_SBCHW: Tensor,
    labels_SB: Tensor,
) -> float:
    """Return the speed together over that one after another."""
    device = settings.device
    steps = [
        training_step(network, resolved, settings, images_BCHW, labels_B)
        for network, images_BCHW, labels_B in zip(networks, images_SBCHW, labels_SB, strict=True)
    ]
    batched = together(networks)

    def at_once() -> None:
        batched.gradients(images_SBCHW, labels_SB)
        batched.update()

    def in_turn() -> None:
        for step in steps:
            step()

    for way in (at_once, in_turn):
        seconds_of_calls(way, 2, device)  # allocates, and picks kernels
    calls = max(1, int(MIN_WINDOW_SECONDS / max(seconds_of_calls(at_once, 1, device), 1e-9)))
    ratios = []
    for _ in range(ROUNDS):
        ratios.append(seconds_of_calls(in_turn, calls, device) / seconds_of_calls(at_once, calls, device))
    return statistics.median(ratios)
