"""Fitting: training a trial's network, once more without CUDA graphs if they cannot be recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import nn

from harness.batches.forward_settings import ForwardSettings
from harness.data.images import TrialImages
from harness.records.record import TrainingInfo
from harness.training.checkpoints import TrainingStates
from harness.training.compiling import GraphRecordingError, forget_compiled
from harness.training.loop import TrainingHooks, TrainingResult, train
from harness.training.state import TrainingState
from harness.trial.setup import TrainingSetup
from zoo.text import error_message


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fitted:
    """A trained network, and how it trained in the end."""

    model: nn.Module
    settings: ForwardSettings
    result: TrainingResult
    problem: str = ""
    """Why CUDA graphs were given up; empty if they were not."""


def training_info(trained: TrainingResult, *, energy_counter: str = "", energy_problem: str = "") -> TrainingInfo:
    """Return what the record of a trial says of its training."""
    return TrainingInfo(
        epochs_run=trained.epochs_run,
        tested_epoch=trained.tested_epoch,
        stopped_early=trained.stopped_early,
        best_val_accuracy=trained.best_val_accuracy,
        final_train_loss=trained.final_train_loss,
        seconds=trained.seconds,
        micro_batch_size=trained.micro_batch_size,
        energy_counter=energy_counter,
        energy_problem=energy_problem,
    )


def fit(
    setup: TrainingSetup,
    images: TrialImages,
    settings: ForwardSettings,
    *,
    seed: int,
    hooks: TrainingHooks,
    states: TrainingStates,
    state: TrainingState | None,
    rebuild: Callable[[], TrainingSetup],
) -> Fitted:
    """Train the network of *setup* from *state*; see :func:`harness.training.loop.train`.

    If CUDA graphs cannot be recorded, another network is trained without them, from the last saved state on. Epochs
    since then are run, and reported to *hooks*, again.

    Args:
        rebuild: Builds the setup again; networks are equal to the bit.
    """
    problem = ""
    try:
        result = train(setup.model, images, setup.resolved, settings, seed=seed, hooks=hooks, state=state)
        return Fitted(model=setup.model, settings=settings, result=result)
    except GraphRecordingError as error:
        problem = error_message(error)
    # Only now: while the error was handled, its traceback kept the optimizer and the step's tensors alive.
    setup.model.cpu()
    forget_compiled(settings.device)
    settings = replace(settings, graphs=False)
    again = rebuild()
    result = train(again.model, images, again.resolved, settings, seed=seed, hooks=hooks, state=states.latest())
    return Fitted(model=again.model, settings=settings, result=result, problem=problem)
