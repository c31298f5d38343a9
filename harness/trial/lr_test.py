"""The learning-rate range test of a trial: the training loss while the rate rises, in a process of its own.

Smith 2017, "Cyclical Learning Rates for Training Neural Networks" (arXiv:1506.01186), section 3.3. The rate rises
exponentially, as in fastai (Howard and Gugger 2020, arXiv:2002.04688): good rates lie orders of magnitude apart. The
network, images, augmentation, optimizer and loss are those of the trial. The test split stays closed.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from harness.batches.device_images import batch_sizes
from harness.batches.forward_settings import ForwardSettings
from harness.data.images import PreparedData, TrialImages, few
from harness.faults.failures import classify
from harness.measuring.environment import available_threads
from harness.networks.channels_last import trainable_layout
from harness.networks.complexity import count_macs
from harness.planning.rising_rates import HIGHEST, LOWEST, STEPS, rising_rates
from harness.planning.threads import threads_for_work
from harness.records.history import LR_TEST_EVENT
from harness.records.spec import TrialSpec
from harness.system.malloc import keep_freed_memory
from harness.training.loop import TrainingHooks, train
from harness.training.precision import fastest_kernels
from harness.trial.active import ActiveTrial
from harness.trial.setup import make_setup
from zoo.calling.interruption import INTERRUPTION
from zoo.catalog import Catalog
from zoo.loading import Sources, build_catalog

DIVERGED = 4.0
"""A mean of the last losses above this many times the lowest one, and above the first, ends the test, as in fastai."""
RECENT = 5
"""Number of losses in such a mean."""

_VAL_IMAGES = 8
"""Images of a validation at the end of an epoch, which nothing reads."""


class _Over(Exception):
    """The test is over, within an epoch."""


def measure_losses(
    sources: dict[str, Any],
    spec: dict[str, Any],
    prepared: dict[str, Any],
    *,
    lowest: float = LOWEST,
    highest: float = HIGHEST,
    steps: int = STEPS,
) -> dict[str, Any]:
    """Train while the learning rate rises from *lowest* to *highest* within *steps* training steps.

    Returns:
        ``lrs`` and ``losses``, one for each step until training diverges; or ``{"problem": a sentence}``.
    """
    keep_freed_memory()  # as trials do
    try:
        wanted = TrialSpec.model_validate(spec)
        with fastest_kernels(torch.device(wanted.execution.device)):
            return _measure(
                wanted,
                PreparedData.model_validate(prepared),
                build_catalog(Sources(**sources)),
                rising_rates(lowest, highest, steps),
                partial(_use_threads, wanted.execution.threads),
            )
    except BaseException as error:  # plugins may raise anything, which must not affect other tests
        if INTERRUPTION.count:
            raise
        return {"problem": classify(error, "the range test").message}


def run_lr_test(trial: ActiveTrial) -> None:
    """Run a range test as a trial, which writes the same numbers to its history as :func:`measure_losses` returns."""

    def begin(macs: int | None, batch_size: int) -> None:
        trial.choose_threads(macs, batch_size)
        trial.wait_for_cores()

    trial.begin()
    with trial.progress.during("train"):
        measured = _measure(trial.spec, trial.prepared, trial.catalog, rising_rates(), begin)
    trial.progress.history.write({"event": LR_TEST_EVENT, **measured})


def _use_threads(wanted: int | None, macs: int | None, batch_size: int) -> None:
    torch.set_num_threads(wanted or threads_for_work(macs, batch_size, available=available_threads()))


def _measure(
    spec: TrialSpec,
    prepared: PreparedData,
    catalog: Catalog,
    lrs: list[float],
    begin: Callable[[int | None, int], None],
) -> dict[str, Any]:
    """Return what is measured; *begin* is called with the work of an image and the batch size before training."""
    execution, precision = spec.execution, spec.execution.precision
    assert precision != "auto", "the bench resolves the precision"
    setup = make_setup(spec, prepared, catalog)
    hp = setup.resolved.hp
    begin(count_macs(setup.model, (prepared.channels, prepared.image_size, prepared.image_size)), hp.batch_size)
    images = TrialImages(prepared)
    images.val = few(images.val, min(len(images.val), _VAL_IMAGES))
    steps_per_epoch = len(batch_sizes(len(images.train), hp.batch_size))
    epochs = -(-len(lrs) // steps_per_epoch)
    # Averages and early stopping are about validation, which is left out.
    hp = hp.model_copy(update={"epochs": epochs, "early_stopping_patience": 0, "keep": "last", "ema_decay": 0.0})

    def factor(progress: float, hp: Any) -> float:
        step = min(round(progress * epochs * steps_per_epoch), len(lrs) - 1)
        return lrs[step] / float(hp.lr)

    losses: list[float] = []
    resolved = replace(setup.resolved, hp=hp, recipe=replace(setup.resolved.recipe, lr_factor=factor))
    device = torch.device(execution.device)
    settings = ForwardSettings(
        device=device,
        normalization=setup.normalization,
        precision=precision,
        channels_last=trainable_layout(execution.layout, setup.model, device) != "contiguous",
    )
    hooks = TrainingHooks(stepped=_keep(losses, len(lrs)))
    with contextlib.suppress(_Over):
        train(setup.model, images, resolved, settings, seed=spec.seed, hooks=hooks)
    return {"lrs": lrs[: len(losses)], "losses": losses}


def _keep(losses: list[float], most: int) -> Callable[[Tensor], None]:
    """Return a function that adds a step's loss to *losses*, and ends the test after *most*, or if it diverges."""
    lowest = math.inf

    def stepped(loss: Tensor) -> None:
        nonlocal lowest
        value = float(loss)
        if not math.isfinite(value):
            raise _Over
        losses.append(value)
        recent = losses[-RECENT:]
        mean = sum(recent) / len(recent)
        lowest = min(lowest, mean)
        if len(losses) == most or (mean > DIVERGED * lowest and mean > losses[0]):
            raise _Over

    return stepped
