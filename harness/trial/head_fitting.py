"""Head fitting: heads that are fitted to features, by a recipe's own solver or by the engine.

Shape suffixes: N images, B batch, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from harness.batches.forward_settings import ForwardSettings
from harness.faults.errors import TrialError
from harness.faults.out_of_memory import is_out_of_memory
from harness.networks.heads import find_head
from harness.randomness import derive_seed
from harness.records.record import FailureKind
from harness.training.checkpoints import TrainingStates
from harness.training.evaluation import checked_logits
from harness.training.feature_batches import LinearHead, TrialFeatures
from harness.training.loop import EpochResult, TrainingHooks, TrainingResult, train
from harness.training.resolved_recipe import ResolvedRecipe
from harness.training.state import TrainingState
from harness.trial.progress import TrialProgress
from harness.trial.setup import TrainingSetup
from zoo.calling.containment import reported
from zoo.features import FeatureSet, Head
from zoo.hyperparameters import Hyperparameters
from zoo.recipe import FUNCTIONS
from zoo.text import one_line

_CHUNK = 1_024
"""Number of images whose logits a head computes at a time."""
_VALUES_PER_THREAD = 2**24
"""Number of values of the training features for which a solver has a thread. Threads wait for each other after each
small product: with two instead of one on two busy cores, a probe of 4,500 images with 1,280 features took 18.0 instead
of 1.8 s of CPU time, and five times as long."""
_NAMED = 5
"""Number of classes with few images that are named."""
_CHANGES_IMAGES = (
    "crop_padding", "flip", "random_resized_crop", "progressive_resizing", "cutout", "random_erasing", "color_jitter",
    "hue_jitter", "randaugment_ops", "trivialaugment", "mixup_alpha", "cutmix_alpha", "test_views", "layer_decay",
)  # fmt: skip
"""Hyperparameters by which an image is not the same in each epoch, or which need the whole network; by default off."""


def learns_from_features(resolved: ResolvedRecipe) -> bool:
    """Return whether a recipe trains nothing but the head, and draws nothing at random for the images.

    Each image then has the same features in each epoch. It follows from the settings alone, so that a result does not
    depend on what is in the cache.
    """
    recipe, hp = resolved.recipe, resolved.hp
    if not hp.freeze_backbone or any(getattr(recipe, name) for name in FUNCTIONS if name not in ("loss", "lr_factor")):
        return False
    if hp.init not in ("default", "zero_head") and not hp.pretrained:  # the backbone is initialised anew, by the seed
        return False
    return all(getattr(hp, name) == Hyperparameters.model_fields[name].default for name in _CHANGES_IMAGES)


def initial_head(model: nn.Module) -> nn.Linear | None:
    """Return a copy of a network's head as a linear layer; None if it has another kind of head, or several."""
    heads = find_head(model)
    weight = getattr(heads[0], "weight", None)
    if len(heads) != 1 or not isinstance(weight, Tensor) or not isinstance(heads[0].bias, Tensor):
        return None
    head = nn.Linear(weight[0].numel(), len(weight))
    with torch.no_grad():
        head.weight.copy_(weight.reshape(head.weight.shape))
        head.bias.copy_(heads[0].bias)
    return head


def trained_head(
    start: nn.Linear,
    features: TrialFeatures,
    resolved: ResolvedRecipe,
    settings: ForwardSettings,
    *,
    seed: int,
    hooks: TrainingHooks,
    state: TrainingState | None,
) -> tuple[Head, TrainingResult]:
    """Train a linear head on features as the engine would train it at the end of its network, and return it.

    Raises:
        TrialError: As :func:`harness.training.loop.train`.
    """
    network = LinearHead(start)
    result = train(network, features, resolved, settings, seed=seed, hooks=hooks, state=state)
    return Head(module=network.head.cpu().eval().requires_grad_(False), is_random=True), result


def epoch_hooks(
    progress: TrialProgress,
    states: TrainingStates,
    state: TrainingState | None,
    *,
    give_way: Callable[[], float],
    pause_after: int | None,
) -> TrainingHooks:
    """Return hooks that write each epoch to the history, and then its state; see :class:`TrainingHooks`."""
    unsaved: list[TrainingState] = []
    first = 0 if state is None else state.epoch

    def emit(epoch: EpochResult) -> None:
        if epoch.epoch > first:
            progress.history.write({"event": "epoch", **asdict(epoch)})
        states.save(unsaved.pop())

    return TrainingHooks(emit=emit, save=unsaved.append, give_way=give_way, pause_after=pause_after)


def is_state_of_head(state: TrainingState) -> bool:
    """Return whether a training that is to be continued was one of :func:`trained_head`."""
    return set(state.tree["model"]) == {"head.weight", "head.bias"}


def few_per_class(labels_N: NDArray[np.int64], count: int, *, seed: int) -> NDArray[np.int64]:
    """Return the indices of *count* images of each class, drawn by the seed, in order; 0: of all images.

    A class with fewer images has all of them drawn. With one seed, the images of a smaller count are among those of a
    larger one.
    """
    if count == 0:
        return np.arange(len(labels_N))
    rng = np.random.Generator(np.random.PCG64(derive_seed(seed, "few per class")))
    order_N = rng.permutation(len(labels_N))
    drawn = [order_N[labels_N[order_N] == label][:count] for label in np.unique(labels_N)]
    return np.sort(np.concatenate(drawn))


def short_classes(labels_N: NDArray[np.int64], count: int, classes: Sequence[str]) -> str:
    """Return a sentence on the classes with fewer than *count* images; empty if there are none."""
    counts_K = np.bincount(labels_N, minlength=len(classes))
    few = [f"{name} {number}" for name, number in zip(classes, counts_K, strict=True) if number < count]
    if not few:
        return ""
    named = ", ".join(few[:_NAMED]) + (f" and {len(few) - _NAMED} more" if len(few) > _NAMED else "")
    return (
        f"{len(few)} of {len(classes)} classes {'has' if len(few) == 1 else 'have'} fewer than {count} training "
        f"images, all of which the head is fitted to: {one_line(named, max_length=200)}"
    )


def head_logits(head: nn.Module, features_ND: NDArray[np.float32], num_classes: int) -> Tensor:
    """Return the logits ``float32 [N, K]`` of features, computed on the CPU.

    Raises:
        TrialError: If the head returns no logits (kind plugin), or some that are not finite (kind diverged).
    """
    head.eval()
    parts = [torch.empty(0, num_classes)]
    with torch.inference_mode():
        for some_BD in torch.split(torch.from_numpy(np.ascontiguousarray(features_ND)), _CHUNK):
            parts.append(checked_logits(head(some_BD), len(some_BD), num_classes).float())
    logits_NK = torch.cat(parts).clone()
    if not torch.isfinite(logits_NK).all():
        raise TrialError(FailureKind.DIVERGED, "the logits of the fitted head are not finite")
    return logits_NK


def _threads_for(features: FeatureSet, available: int) -> int:
    """Return the number of threads of NumPy's linear algebra: by the work, and at most those of the trial."""
    return max(1, min(available, features.train_ND.size // _VALUES_PER_THREAD))


def solved_head(setup: TrainingSetup, features: FeatureSet) -> Head:
    """Return the head that a recipe's own ``fit_head`` fits.

    Raises:
        TrialError: If it fails or returns anything else (kind plugin).
    """
    recipe = setup.resolved.recipe
    assert recipe.fit_head is not None
    doing = f"fitting the head of {recipe.name}"
    error = partial(TrialError, FailureKind.PLUGIN)
    threads = _threads_for(features, torch.get_num_threads())
    with threadpool_limits(threads), reported(doing, f"{doing} failed", error=error, passes=is_out_of_memory):
        head = recipe.fit_head(features, setup.resolved.hp)
    returned: object = head
    if not isinstance(returned, Head) or not isinstance(head.module, nn.Module):
        raise error(f"{recipe.name}: fit_head returned {type(head).__name__}; expected zoo.Head with a module")
    return replace(head, module=head.module.cpu().eval().requires_grad_(False))
