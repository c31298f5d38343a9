"""A trial: from a spec to a record, in a process of its own."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import torch

from harness.faults.failures import classify
from harness.measuring.device_lock import DeviceSharing, device_name
from harness.measuring.environment import describe
from harness.measuring.timer import synchronize
from harness.records import store as files
from harness.records.history import HistoryWriter
from harness.records.keys import measurement_key
from harness.records.origin import origin_of
from harness.records.predictions import FILE_NAME as PREDICTIONS_FILE
from harness.records.predictions import VAL_FILE_NAME as VAL_PREDICTIONS_FILE
from harness.records.provenance import check_unchanged
from harness.records.record import BY_USER, DataInfo, Outcome, Record
from harness.records.trial_lock import trial_lock
from harness.system.atomic_files import sha256_of, write_json
from harness.system.cores import share_cores
from harness.training.checkpoints import TrainingStates, remove_stale_temporaries
from harness.training.compiling import watch_compiler
from harness.training.precision import fastest_kernels
from harness.training.resolved_recipe import ResolvedRecipe
from harness.training.state import TrainingState
from harness.trial.active import ActiveTrial
from harness.trial.distributed.multi_gpu import RankGroup
from harness.trial.evaluating import run_evaluation
from harness.trial.head_fitting import learns_from_features
from harness.trial.job import TrialJob
from harness.trial.lr_test import run_lr_test
from harness.trial.on_features import run_on_features
from harness.trial.progress import TrialProgress, continue_history
from harness.trial.setup import hyperparameters
from harness.trial.training import run_training
from zoo.calling.interruption import INTERRUPTION
from zoo.catalog import Catalog
from zoo.errors import UnavailableWeightsError


def run_trial(job: TrialJob, catalog: Catalog, ranks: RankGroup | None = None) -> bool:
    """Run a trial and write its record, unless another process is running it or it is finished.

    Args:
        ranks: The ranks that train it, if it uses several devices.

    Returns:
        Whether the trial has a record now; False if another process is running it.

    Raises:
        OSError: If the trial's files, such as its record, cannot be written.
    """
    folder = Path(job.folder)
    with trial_lock(folder) as is_ours:
        if not is_ours:
            return False
        record_file = folder / files.RECORD_FILE
        if not _is_settled(record_file, job):
            record = _attempt(job, catalog, folder, ranks)
            files.write_record(folder, record)
            # Only after the record is written, so that a process killed earlier loses no training.
            if not files.keeps_states(record):
                TrainingStates(folder).clear()
        return True


def _is_settled(record_file: Path, job: TrialJob) -> bool:
    """Return whether another process has finished this trial since the bench checked."""
    if not record_file.exists():
        return False
    return files.is_settled(
        files.read_record(record_file),
        job.trial.result_key,
        retry=job.retry,
        pause_after=job.trial.spec.execution.pause_after,
    )


def _attempt(job: TrialJob, catalog: Catalog, folder: Path, ranks: RankGroup | None) -> Record:
    start = time.perf_counter()
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    remove_stale_temporaries(folder)
    write_json(folder / files.SPEC_FILE, job.trial.spec.model_dump(mode="json"))
    states = TrainingStates(folder)
    state = states.latest()
    earlier = continue_history(folder / files.HISTORY_FILE, 0 if state is None else state.epoch)
    # Before anything can fail: a crashed device can no longer be queried.
    environment = describe(job.trial.spec.execution.device, job.trial.spec.execution.threads)
    share_cores(job.sharing)
    if job.sharing > 1:
        environment["trials_on_device"] = job.sharing
    if job.node:
        environment["node"] = job.node
    progress = TrialProgress(
        history=HistoryWriter(folder / files.HISTORY_FILE), environment=environment, seconds=dict(earlier.seconds)
    )
    progress.history.write({"event": "attempt", "number": earlier.attempts + 1})
    outcome, failure, reason = Outcome.DONE, None, ""
    try:
        device = torch.device(job.trial.spec.execution.device)
        sharing = DeviceSharing(
            device_name(str(device)),
            synchronize=lambda: synchronize(device),
            tell=lambda waits: progress.history.write({"event": "waits" if waits else "waited"}),
        )
        progress.paused_seconds = lambda: sharing.waited
        with sharing.joined(), fastest_kernels(device), watch_compiler() as given_up:
            try:
                _check_code(job, catalog)
                trial = ActiveTrial(job=job, catalog=catalog, progress=progress, sharing=sharing)
                _run(trial, states, state, ranks)
            finally:
                progress.warnings += given_up.notes()
    except BaseException as error:  # whatever a plugin raises is this trial's failure and no other's
        # A plugin may raise KeyboardInterrupt itself, and it may turn one that the user sent into anything else.
        is_requested = INTERRUPTION.count > 0 or (isinstance(error, KeyboardInterrupt) and INTERRUPTION.explains(0))
        if is_requested:
            outcome, reason = Outcome.INTERRUPTED, f"{BY_USER} during {progress.phase}"
        elif isinstance(error, UnavailableWeightsError):
            # Not the trial's fault: it runs again with the next bench. The log has the advice for this network.
            outcome, reason = Outcome.SKIPPED, f"published weights cannot be loaded: {error.cause}"
            print(error, flush=True)
        else:
            failure = classify(error, progress.phase)
            outcome, reason = Outcome.FAILED, failure.message
    INTERRUPTION.heeded = True  # only the record is left to write
    progress.history.sync()
    progress.history.close()
    if (paused := progress.paused_seconds()) > 0:
        progress.seconds["paused"] = paused  # before the first phase, too
    progress.seconds["total"] = sum(earlier.seconds.values()) + time.perf_counter() - start - progress.others_seconds
    return Record(
        trial_id=job.trial.trial_id,
        result_key=job.trial.result_key,
        measurement_key=measurement_key(job.trial.spec, environment),
        outcome=outcome,
        failure=failure,
        reason=reason,
        spec=job.trial.spec,
        data=DataInfo(**job.trial.prepared.model_dump(include=set(DataInfo.model_fields))),
        seconds=progress.seconds,
        environment=environment,
        started_at=started_at,
        attempts=earlier.attempts + 1,
        files={
            name: sha256_of(folder / name)
            for name in (files.HISTORY_FILE, PREDICTIONS_FILE, VAL_PREDICTIONS_FILE, files.CHECKPOINT_FILE)
            if (folder / name).exists()
        },
        origin=origin_of(job.trial.spec),
        model=progress.model,
        tuning=progress.tuning,
        training=progress.training,
        features=progress.features,
        metrics=progress.metrics,
        warnings=progress.warnings,
        speed=progress.speed,
    )


def _check_code(job: TrialJob, catalog: Catalog) -> None:
    """Check that nobody has edited the plugins since the trial was planned."""
    if job.planned_ns is None:
        return
    spec = job.trial.spec
    for registry, planned in ((catalog.architectures, spec.architecture), (catalog.recipes, spec.recipe)):
        if planned.full_name in registry:
            check_unchanged(registry.get(planned.full_name), planned.provider, since_ns=job.planned_ns)


def _run(trial: ActiveTrial, states: TrainingStates, state: TrainingState | None, ranks: RankGroup | None) -> None:
    if trial.spec.execution.lr_test:
        run_lr_test(trial)
        return
    if trial.job.trial.classifier is not None:
        run_evaluation(trial, trial.job.trial.classifier)
        return
    recipe = trial.catalog.recipes.get(trial.spec.recipe.full_name).record
    resolved = ResolvedRecipe(recipe=recipe, hp=hyperparameters(trial.spec, trial.prepared, trial.catalog))
    fits_a_head = recipe.fit_head is not None or (ranks is None and learns_from_features(resolved))
    if not fits_a_head or not run_on_features(trial, states, state):
        run_training(trial, states, state, ranks)
