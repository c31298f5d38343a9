"""Training several seeds as one batched network, with the protocol of :func:`harness.training.loop.train`.

Shape suffixes: S seeds, B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from harness.batches.device_images import DeviceImages
from harness.batches.epoch_batches import EpochBatches
from harness.batches.forward_settings import ForwardSettings
from harness.data.images import TrialImages
from harness.faults.errors import TrialError
from harness.randomness import seed_global
from harness.records.record import FailureKind
from harness.training.best_epoch import BestEpoch
from harness.training.ema import ModelEma, load_tensors, tensors_of
from harness.training.evaluation import evaluate
from harness.training.loop import EpochResult
from harness.training.losses import balanced_class_weights
from harness.training.optimizers import set_optimizer_mode
from harness.training.precision import exact_fp32
from harness.training.resolved_recipe import ResolvedRecipe
from harness.training.schedules import Plateau, lr_factor
from harness.training.seeds.network import stacked
from harness.training.seeds.optimizer_states import joined_state, state_of_seed
from harness.training.seeds.step import SeedStep
from harness.training.starting import start_network
from harness.training.state import TrainingState

NOTE = "batched_seeds"
"""Key of a state's tree that tells with which seeds it was trained."""


@dataclass(kw_only=True, eq=False)
class SeedRun:
    """One seed among those that train together."""

    seed: int
    model: nn.Module
    """As built for this seed."""
    state: TrainingState | None = None
    """The state to continue from, of the same epoch for all seeds."""
    best: BestEpoch = field(init=False)
    best_weights: dict[str, Tensor] | None = None
    rates: list[float] = field(default_factory=list)
    totals: dict[str, float] = field(
        default_factory=lambda: {"seconds": 0.0, "best_val_accuracy": 0.0, "train_loss": 0.0}
    )
    is_over: bool = False
    """Whether it stopped early or diverged; the others go on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedHooks:
    """Functions to call during training."""

    emit: Callable[[int, EpochResult], None] = lambda seed, result: None
    """Called with each seed's result at the end of an epoch."""
    save: Callable[[Mapping[int, TrainingState], bool], None] = lambda states, must: None
    """Called after these with the states by seed, which are valid during the call, and whether they must be kept: for
    some seed it is the last one."""
    give_way: Callable[[], float] = lambda: 0.0
    """As in :class:`harness.training.loop.TrainingHooks`."""


def train_seeds(
    runs: Sequence[SeedRun],
    images: TrialImages,
    resolved: ResolvedRecipe,
    settings: ForwardSettings,
    *,
    hooks: SeedHooks = SeedHooks(),  # frozen
    reason: str = "",
) -> None:
    """Train all *runs* to their ends; each one's last state is that of its own training, up to rounding.

    A seed whose loss or logits are not finite leaves without a state of that epoch: trained alone from the one before,
    it says itself what is wrong. Time and images per second are those of all seeds, shared equally.

    Args:
        reason: Why they are trained together; kept in the states.

    Raises:
        TrialError: If the output of the network is not logits.
        RuntimeError: If memory runs out, or the network does what :func:`torch.vmap` refuses. Weights are then of no
            use; the last states are.
    """
    recipe, hp, device = resolved.recipe, resolved.hp, settings.device
    num_classes = len(images.prepared.classes)
    data = DeviceImages(images.train, device, trials_on_device=settings.trials_on_device)
    val_data = DeviceImages(images.val, device, trials_on_device=settings.trials_on_device)

    def batches_of(run: SeedRun) -> EpochBatches:
        return EpochBatches(
            images.train, recipe, hp, prepared=images.prepared, seed=run.seed, settings=settings, data=data
        )

    batches_S = [batches_of(run) for run in runs]
    num_images, num_steps = batches_S[0].num_images, len(batches_S[0].sizes)
    mixes = batches_S[0].mixes

    # The initial networks.
    for run, batches in zip(runs, batches_S, strict=True):
        settings.place(run.model)
        run.best = BestEpoch(higher_is_better=hp.monitor == "val_accuracy")
        if run.state is None:
            start_network(run.model, resolved, seed=run.seed, some=batches.some)
    weights_K = None
    if hp.class_weights == "balanced":
        weights_K = balanced_class_weights(images.train.labels_N, num_classes).to(device)
    step = SeedStep(
        [run.model for run in runs],
        [run.seed for run in runs],
        resolved,
        settings,
        num_classes=num_classes,
        class_weights_K=weights_K,
    )
    optimizer, networks = step.optimizer, step.networks
    peak_lrs = [group["lr"] for group in optimizer.param_groups]
    ema = ModelEma(networks.stacked, hp.ema_decay) if hp.ema_decay > 0 else None
    epoch = 0
    states = [run.state for run in runs if run.state is not None]
    if states:
        assert len(states) == len(runs), "all seeds continue, or none"
        (epoch,) = {state.epoch for state in states}
        for run, state in zip(runs, states, strict=True):
            _continue(run, state, device)
            run.is_over = _stops_early(run, resolved)
        optimizer.load_state_dict(joined_state([state.tree["optimizer"] for state in states]))
        peak_lrs = states[0].tree["peak_lrs"]
        if ema is not None:
            averages = {name: stacked([state.tree["ema"][name] for state in states]) for name in ema.averages}
            ema.load(averages, step=states[0].tree["ema_step"])
    note = {"seeds": [run.seed for run in runs], "reason": reason}

    while epoch < hp.epochs and not all(run.is_over for run in runs):
        epoch += 1
        began = time.monotonic()
        seed_global(runs[0].seed, "model", epoch)
        step.generators.start_epoch(epoch)
        loss_S = torch.zeros(len(runs), device=device)
        correct_S = torch.zeros(len(runs), dtype=torch.int64, device=device)
        waited = 0.0
        networks.train()
        set_optimizer_mode(optimizer, training=True)
        with exact_fp32(device) if settings.precision == "fp32" else nullcontext():
            for index, (images_SBCHW, targets, labels_SB) in enumerate(_together(batches_S, epoch)):
                waited += hooks.give_way()
                factor = lr_factor(
                    (epoch - 1) * num_steps + index, hp, steps_per_epoch=num_steps, custom=recipe.lr_factor
                )
                for group, peak_lr in zip(optimizer.param_groups, peak_lrs, strict=True):
                    group["lr"] = peak_lr * factor
                mean_S, logits_SBK = step.gradients(images_SBCHW, targets)
                step.update()
                loss_S.add_(mean_S, alpha=labels_SB.shape[1])
                if not mixes:
                    correct_S += (logits_SBK.argmax(dim=2) == labels_SB).sum(dim=1)
                if ema is not None:
                    ema.update()
        losses = loss_S.tolist()  # waits until the device has finished the epoch's steps
        hits = correct_S.tolist()
        num_going = sum(not run.is_over for run in runs)
        share = (time.monotonic() - began - waited) / num_going
        set_optimizer_mode(optimizer, training=False)

        results: dict[int, EpochResult] = {}
        with ema.in_model() if ema is not None else nullcontext():
            for place, run in enumerate(runs):
                if run.is_over:
                    continue
                val_began = time.monotonic()
                try:
                    val_loss, val_accuracy = _judge(
                        run, val_data, settings, resolved, losses[place] / num_images, num_classes
                    )
                except TrialError as error:
                    if error.kind is not FailureKind.DIVERGED:
                        raise
                    run.is_over = True
                    continue
                is_best = run.best.observe(epoch, val_accuracy if hp.monitor == "val_accuracy" else val_loss)
                if is_best and hp.keep == "best":
                    run.best_weights = {name: value.clone() for name, value in tensors_of(run.model).items()}
                run.rates.append(num_images / max(share, 1e-9))
                run.totals = {
                    "seconds": run.totals["seconds"] + share,
                    "best_val_accuracy": max(run.totals["best_val_accuracy"], val_accuracy),
                    "train_loss": losses[place] / num_images,
                }
                counts_hits = not mixes and not batches_S[place].has_own_targets
                results[place] = EpochResult(
                    epoch=epoch,
                    epochs=hp.epochs,
                    train_loss=losses[place] / num_images,
                    train_accuracy=hits[place] / num_images if counts_hits else None,
                    val_loss=val_loss,
                    val_accuracy=val_accuracy,
                    lr=max(group["lr"] for group in optimizer.param_groups),
                    images_per_second=run.rates[-1],
                    seconds=share + time.monotonic() - val_began,
                )
        kept: dict[int, TrainingState] = {}
        must = epoch == hp.epochs
        whole = optimizer.state_dict()
        for place, result in results.items():
            run = runs[place]
            hooks.emit(run.seed, result)
            run.is_over = _stops_early(run, resolved)
            must = must or run.is_over
            tree = {
                "layout": "channels_last" if settings.channels_last else "contiguous",
                "compiled": "off",
                "model": tensors_of(run.model),
                "optimizer": state_of_seed(whole, place),
                "peak_lrs": peak_lrs,
                "scaler": {},
                "plateau": asdict(Plateau(patience=hp.plateau_patience, factor=hp.plateau_factor)),
                "best": asdict(run.best),
                "best_weights": run.best_weights,
                "ema": None if ema is None else {name: value[place] for name, value in ema.averages.items()},
                "ema_step": None if ema is None else ema.step,
                "rates": run.rates,
                "totals": run.totals,
                "at_most": max(batches_S[place].sizes),
                NOTE: note,
            }
            kept[run.seed] = TrainingState(epoch=epoch, tree=tree)
        hooks.save(kept, must)


def _together(batches_S: Sequence[EpochBatches], epoch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield the seeds' next batches, stacked."""
    for parts in zip(*(batches.of_epoch(epoch) for batches in batches_S), strict=True):
        images, targets, labels = zip(*parts, strict=True)
        labels_SB = torch.stack(labels)
        yield torch.stack(images), labels_SB if targets[0] is labels[0] else torch.stack(targets), labels_SB


def _judge(
    run: SeedRun,
    val_data: DeviceImages,
    settings: ForwardSettings,
    resolved: ResolvedRecipe,
    train_loss: float,
    num_classes: int,
) -> tuple[float, float]:
    """Return a seed's loss and accuracy on the validation images.

    Raises:
        TrialError: Of kind diverged, if its training loss or its logits are not finite.
    """
    if not math.isfinite(train_loss):
        raise TrialError(FailureKind.DIVERGED, "the training loss is not finite")
    val = evaluate(run.model, val_data, settings, predict=resolved.predict, num_classes=num_classes)
    return val.loss, val.accuracy


def _stops_early(run: SeedRun, resolved: ResolvedRecipe) -> bool:
    return 0 < resolved.hp.early_stopping_patience <= run.best.stale_epochs


def _continue(run: SeedRun, state: TrainingState, device: torch.device) -> None:
    """Take what a seed has from its state; the optimizer's and the averages are taken together."""
    tree: dict[str, Any] = state.tree
    load_tensors(run.model, tree["model"])
    run.best = BestEpoch(**tree["best"])
    if tree["best_weights"] is not None:
        run.best_weights = {name: value.to(device) for name, value in tree["best_weights"].items()}
    run.rates, run.totals = list(tree["rates"]), dict(tree["totals"])
