"""Together: a trial that trains other seeds along with its own, as one batched network.

Each seed's states and epochs go into its own trial's folder, as if it had trained there. The other trials then run as
always, resume from their last state, and test, measure and record themselves. Whatever goes wrong with training
together, each trial can go on alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from harness.batches.device_images import DeviceImages, batch_sizes
from harness.batches.forward_settings import ForwardSettings
from harness.data.images import TrialImages
from harness.faults.out_of_memory import free_unused
from harness.measuring.seed_batching import SeedProbe, probe_seeds
from harness.records import store as files
from harness.records.history import HistoryWriter
from harness.records.record import Tuning
from harness.records.trial_lock import trial_lock
from harness.training.checkpoints import MAX_SHARE, TrainingStates
from harness.training.loop import EpochResult
from harness.training.seeds.loop import NOTE, SeedHooks, SeedRun, train_seeds
from harness.training.seeds.support import obstacle
from harness.training.state import TrainingState
from harness.trial.active import ActiveTrial
from harness.trial.job import Companion
from harness.trial.progress import continue_history
from harness.trial.setup import TrainingSetup, make_setup
from zoo.text import error_message

_TRIES, _TRY_SECONDS = 4, 0.05
"""The bench looks for a moment whether a trial is held, and holds it meanwhile."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Held:
    """Another trial whose folder this process has locked."""

    seed: int
    folder: Path
    states: TrainingStates
    state: TrainingState | None
    """Its last state; as many epochs have been trained as in this process's own trial."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TrainedTogether:
    """What came of training together."""

    state: TrainingState | None
    """The state from which the trial goes on alone; at the end of the training, if that went well."""
    told: int
    """The last epoch that is in its history."""
    refused: str = ""
    """Why it was not trained together, or not to the end; empty if it was."""


def hold_companions(trial: ActiveTrial, state: TrainingState | None, held: ExitStack) -> list[Held]:
    """Lock the folders of the job's companions that can be trained together with a trial, for as long as *held* lasts.

    These are not run by anyone else, and have as many epochs behind them; a training that began alone goes on alone.
    """
    if state is not None and NOTE not in state.tree:
        return []
    found = []
    for companion in trial.job.companions:
        with ExitStack() as own:
            if _lock(Path(companion.folder), own) and not _is_settled(trial, companion):
                states = TrainingStates(Path(companion.folder))
                theirs = states.latest()
                if _progress(theirs) == _progress(state):
                    seed = companion.trial.spec.seed
                    found.append(Held(seed=seed, folder=Path(companion.folder), states=states, state=theirs))
                    held.enter_context(own.pop_all())
    return found


def train_together(
    trial: ActiveTrial,
    companions: list[Held],
    setup: TrainingSetup,
    settings: ForwardSettings,
    images: TrialImages,
    *,
    states: TrainingStates,
    state: TrainingState | None,
) -> TrainedTogether:
    """Train a trial's seed together with its companions, unless that is not supported or does not pay off.

    Args:
        setup: The trial's own; its network is left as it is.
        states: Where the trial's states are saved.
        state: The state that it resumes from; None: it starts.
    """
    told = 0 if state is None else state.epoch
    refused = obstacle(setup.resolved, settings)
    if refused or _is_over(setup, state):
        return TrainedTogether(state=state, told=told, refused=refused)
    log = _Log(trial, states, companions, told)
    try:
        runs = [
            SeedRun(seed=seed, model=_network(trial, seed), state=theirs)
            for seed, theirs in ((trial.spec.seed, state), *((each.seed, each.state) for each in companions))
        ]
        if state is not None:
            found = SeedProbe(batches=True, reason=state.tree[NOTE]["reason"])
        else:
            with trial.sharing.alone():
                found = _probe(trial, runs, setup, settings, images)
        if found.batches:
            train_seeds(
                runs,
                images,
                setup.resolved,
                settings,
                hooks=SeedHooks(emit=log.emit, save=log.save, give_way=trial.give_way),
                reason=found.reason,
            )
        refused = "" if found.batches else found.reason
    except Exception as error:  # each trial meets it alone, if it is not due to training together
        refused = f"training together ended with {type(error).__name__}: {error_message(error)}"
    finally:
        log.close()
    if refused:
        free_unused(settings.device)
    return TrainedTogether(state=states.latest(), told=log.told, refused=refused)


def with_seeds(tuning: Tuning, state: TrainingState | None, refused: str = "") -> Tuning:
    """Return a trial's tuning with the seeds that it was trained together with, or why it was not."""
    note: dict[str, Any] | None = None if state is None else state.tree.get(NOTE)
    if note is not None and not refused:
        seeds = ", ".join(map(str, note["seeds"]))
        said = f"seeds {seeds} were trained together: {note['reason']}"
        tuning = tuning.model_copy(update={"batched_seeds": tuple(note["seeds"])})
    elif refused:
        said = f"seeds were not trained together: {refused}"
    else:
        return tuning
    return tuning.model_copy(update={"reason": f"{tuning.reason}; {said}" if tuning.reason else said})


class _Log:
    """Writes what happens to each seed into its trial's folder."""

    def __init__(self, trial: ActiveTrial, states: TrainingStates, companions: list[Held], told: int) -> None:
        self.told = told
        self._own_seed, self._progress = trial.spec.seed, trial.progress
        self._states = {self._own_seed: states, **{each.seed: each.states for each in companions}}
        self._histories = {self._own_seed: trial.progress.history}
        for each in companions:
            path = each.folder / files.HISTORY_FILE
            continue_history(path, told)
            self._histories[each.seed] = HistoryWriter(path)
        self._next_save = 0.0

    def emit(self, seed: int, epoch: EpochResult) -> None:
        self._histories[seed].write({"event": "epoch", **asdict(epoch)})
        if seed == self._own_seed:
            self.told = epoch.epoch
        else:
            self._progress.others_seconds += epoch.seconds

    def save(self, states: Mapping[int, TrainingState], must: bool) -> None:
        """Save the states of all seeds or of none, at most for :data:`MAX_SHARE` of the time."""
        start = time.monotonic()
        if start < self._next_save and not must:
            return
        for seed, state in states.items():
            self._states[seed].save_now(state)
        end = time.monotonic()
        self._next_save = end + (end - start) * (1 / MAX_SHARE - 1)

    def close(self) -> None:
        for seed, history in self._histories.items():
            if seed != self._own_seed:
                history.sync()
                history.close()


def _probe(
    trial: ActiveTrial, runs: list[SeedRun], setup: TrainingSetup, settings: ForwardSettings, images: TrialImages
) -> SeedProbe:
    data = DeviceImages(images.train, settings.device, trials_on_device=settings.trials_on_device)
    if not data.resident:
        return SeedProbe(batches=False, reason="the images do not stay on the device")
    if images.train.whole is not None and setup.resolved.hp.random_resized_crop != 1:
        return SeedProbe(batches=False, reason="training views are cropped from whole photographs")
    sizes = batch_sizes(len(images.train), setup.resolved.hp.batch_size)
    raw_BCHW, labels_B = next(data.batches(torch.arange(len(images.train))[: sizes[0]], [sizes[0]]))
    images_BCHW = settings.normalizer()(raw_BCHW)
    for run in runs:
        settings.place(run.model)
    return probe_seeds(
        [run.model for run in runs],
        setup.resolved,
        settings,
        torch.stack([images_BCHW] * len(runs)),
        torch.stack([labels_B] * len(runs)),
        num_classes=len(trial.prepared.classes),
        num_steps=setup.resolved.hp.epochs * len(sizes),
        must_be_faster=trial.spec.execution.batched_seeds == "auto",
    )


def _network(trial: ActiveTrial, seed: int) -> torch.nn.Module:
    return make_setup(trial.spec.model_copy(update={"seed": seed}), trial.prepared, trial.catalog).model


def _is_over(setup: TrainingSetup, state: TrainingState | None) -> bool:
    """Return whether a training has ended in *state*."""
    if state is None:
        return False
    patience = setup.resolved.hp.early_stopping_patience
    return state.epoch >= setup.resolved.hp.epochs or 0 < patience <= state.tree["best"]["stale_epochs"]


def _progress(state: TrainingState | None) -> Any:
    """Return what must be equal for trainings to go on together."""
    return None if state is None else (state.epoch, state.tree.get(NOTE))


def _is_settled(trial: ActiveTrial, companion: Companion) -> bool:
    path = Path(companion.folder) / files.RECORD_FILE
    if not path.exists():
        return False
    return files.is_settled(files.read_record(path), companion.trial.result_key, retry=trial.job.retry)


def _lock(folder: Path, stack: ExitStack) -> bool:
    """Lock a trial's folder for as long as *stack* lasts, unless another process runs the trial."""
    for _ in range(_TRIES):
        with ExitStack() as own:
            if own.enter_context(trial_lock(folder)):
                stack.enter_context(own.pop_all())
                return True
        time.sleep(_TRY_SECONDS)
    return False
