"""A trial: from a spec to a record, in a process of its own. Reads from top to bottom.

Shape suffixes: B batch, C channels, H height, W width, N images, K classes.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from torch import nn

from harness.batches.forward_settings import ForwardSettings
from harness.data.images import TrialImages
from harness.faults.failures import classify
from harness.faults.out_of_memory import least_images
from harness.measuring.device_lock import DeviceSharing, device_name
from harness.measuring.end_to_end import train_end_to_end
from harness.measuring.environment import available_threads, describe
from harness.measuring.peak_memory import PeakMemory
from harness.measuring.speed import FinishedTraining, measure_speed
from harness.measuring.timer import synchronize
from harness.networks.complexity import count_macs, count_parameters
from harness.planning.threads import threads_for_work
from harness.records import store as files
from harness.records.history import HistoryWriter
from harness.records.keys import measurement_key
from harness.records.origin import origin_of
from harness.records.predictions import FILE_NAME as PREDICTIONS_FILE
from harness.records.predictions import VAL_FILE_NAME as VAL_PREDICTIONS_FILE
from harness.records.provenance import check_unchanged
from harness.records.record import DataInfo, ModelInfo, Outcome, Record, SpeedInfo, TrainingInfo
from harness.system.atomic_files import sha256_of, write_json
from harness.system.cores import share_cores
from harness.training.checkpoints import TrainingStates, remove_stale_temporaries, save_weights
from harness.training.compiling import forget_compiled, watch_compiler
from harness.training.loop import EpochResult, TrainingHooks
from harness.training.precision import fastest_kernels
from harness.training.state import TrainingState
from harness.trial.evaluating import run_evaluation
from harness.trial.fitting import fit
from harness.trial.job import TrialJob
from harness.trial.multi_gpu import RankGroup
from harness.trial.on_features import run_on_features
from harness.trial.progress import TrialProgress, continue_history
from harness.trial.setup import make_setup
from harness.trial.testing import predict_splits
from harness.trial.tuning import tune_trial
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
    lock = FileLock(folder / files.LOCK_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    try:
        record_file = folder / files.RECORD_FILE
        if not _is_settled(record_file, job):
            record = _attempt(job, catalog, folder, ranks)
            files.write_record(folder, record)
            # Only after the record is written, so that a process killed earlier loses no training.
            if not files.keeps_states(record):
                TrainingStates(folder).clear()
        return True
    finally:
        lock.release()


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
                _run(job, catalog, progress, states, state, sharing, ranks)
            finally:
                progress.warnings += given_up.notes()
    except BaseException as error:  # whatever a plugin raises is this trial's failure and no other's
        # A plugin may raise KeyboardInterrupt itself, and it may turn one that the user sent into anything else.
        is_requested = INTERRUPTION.count > 0 or (isinstance(error, KeyboardInterrupt) and INTERRUPTION.explains(0))
        if is_requested:
            outcome, reason = Outcome.INTERRUPTED, f"stopped by the user during {progress.phase}"
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
    progress.seconds["total"] = sum(earlier.seconds.values()) + time.perf_counter() - start
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


def _run(
    job: TrialJob,
    catalog: Catalog,
    progress: TrialProgress,
    states: TrainingStates,
    state: TrainingState | None,
    sharing: DeviceSharing,
    ranks: RankGroup | None,
) -> None:
    spec, prepared, folder = job.trial.spec, job.trial.prepared, Path(job.folder)
    if job.trial.classifier is not None:
        run_evaluation(job, job.trial.classifier, catalog, progress, sharing)
        return
    if catalog.recipes.get(spec.recipe.full_name).record.fit_head is not None:
        run_on_features(job, catalog, progress, sharing)
        return
    execution = spec.execution
    device = torch.device(execution.device)
    assert execution.precision != "auto", "the bench resolves the precision"
    available = available_threads()
    if execution.threads:
        torch.set_num_threads(execution.threads)

    with progress.during("build"):
        memory = PeakMemory(device)
        setup = make_setup(spec, prepared, catalog)
        model, resolved, normalization = setup.model, setup.resolved, setup.normalization
        total, trainable = count_parameters(model)
        image_shape = (prepared.channels, prepared.image_size, prepared.image_size)
        model_info = ModelInfo(
            params=total,
            trainable_params=trainable,
            macs=count_macs(model, image_shape),
            small_image_changes=setup.changes,
            mean=normalization.mean,
            std=normalization.std,
            pretrained=resolved.hp.pretrained,
        )
        progress.model = model_info
        images = TrialImages(prepared)
        if execution.threads is None:
            threads = threads_for_work(model_info.macs, resolved.hp.batch_size, available=available)
            torch.set_num_threads(threads)
            progress.environment.update(threads=threads, available_threads=available)
    if job.cores_folder:
        with progress.during("wait"):
            sharing.take_cores(Path(job.cores_folder), torch.get_num_threads(), cores=available)

    with progress.during("build"):
        model.to(device)
        settings = ForwardSettings(
            device=device, normalization=normalization, precision=execution.precision, trials_on_device=job.sharing
        )
        with sharing.alone():
            tuning = tune_trial(spec, setup, settings, images, progress.environment, state)
        progress.tuning = tuning
        settings = replace(
            settings,
            channels_last=tuning.layout == "channels_last",
            compile=tuning.compile,
            graphs=tuning.graphs,
        )
        if device.type != "cpu":
            forget_compiled(device)
        memory.forget_peak()  # ignore the probe's peak

    unsaved: list[TrainingState] = []
    first = told = 0 if state is None else state.epoch

    def emit(epoch: EpochResult) -> None:
        # The row comes first: a state without its epoch's row would leave a gap in the history of a resumed training.
        # The state is still valid here, since this call follows immediately after the one that received it.
        nonlocal told
        if epoch.epoch > told:
            progress.history.write({"event": "epoch", **asdict(epoch)})
            told = epoch.epoch
        states.save(unsaved.pop())
        if epoch.epoch == first + 1 < epoch.epochs:
            memory.forget_trials()  # by now, each shape of the training and its validation has run

    def give_way() -> float:
        if INTERRUPTION.count:  # and a plugin's code caught what it raised
            raise KeyboardInterrupt
        return sharing.give_way()

    with progress.during("train"):
        if ranks is None:
            fitted = fit(
                setup,
                images,
                settings,
                seed=spec.seed,
                hooks=TrainingHooks(
                    emit=emit, save=unsaved.append, give_way=give_way, pause_after=execution.pause_after
                ),
                states=states,
                state=state,
                rebuild=lambda: make_setup(spec, prepared, catalog),
            )
            model, settings, trained = fitted.model, fitted.settings, fitted.result
            if fitted.problem:
                progress.warnings += (f"{fitted.problem}; it was trained without them",)
                progress.tuning = tuning.model_copy(update={"graphs": False})
            save_weights(folder, model)
            peak_memory_mib = memory.mib()
        else:
            with sharing.left():
                together = ranks.train(job.trial, setup, folder, layout=tuning.layout)
            trained, peak_memory_mib = together.training, together.peak_memory_mib
            settings.place(model)
    trainable = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    progress.model = model_info.model_copy(update={"trainable_params": trainable})
    progress.training = TrainingInfo(
        epochs_run=trained.epochs_run,
        tested_epoch=trained.tested_epoch,
        stopped_early=trained.stopped_early,
        best_val_accuracy=trained.best_val_accuracy,
        final_train_loss=trained.final_train_loss,
        seconds=trained.seconds,
        micro_batch_size=trained.micro_batch_size,
    )
    if trained.micro_batch_size < trained.planned_micro_batch_size:
        progress.warnings += (
            f"out of memory with {trained.planned_micro_batch_size} images at a time: training used at most "
            f"{trained.micro_batch_size} at a time and accumulated the gradients of each batch{_statistics(model)}",
        )

    if not execution.tests:  # a trial of a search, which must not see the test images
        progress.speed = SpeedInfo(peak_memory_mib=peak_memory_mib)
        return

    with progress.during("test"):
        tested = predict_splits(
            model,
            images,
            settings,
            resolved=resolved,
            folder=folder,
            metrics=catalog.metrics,
            classes=prepared.classes,
            # With the device to itself if its speed is measured.
            timing=sharing.alone() if execution.measure_seconds > 0 else nullcontext(),
        )
        progress.metrics = tested.scores.values
        progress.warnings += (*tested.warnings, *tested.scores.problems)

    def train_again(seconds: float) -> list[float]:
        return train_end_to_end(
            model,
            prepared,
            resolved,
            settings,
            images_per_second=trained.images_per_second[-1],
            budget_seconds=seconds,
        )

    if settings.compile:
        forget_compiled(device)  # the versions made for training count towards the compiler's limit
    with progress.during("measure"):
        speed = SpeedInfo(peak_memory_mib=peak_memory_mib)
        if execution.measure_seconds > 0:
            with sharing.alone():
                speed = measure_speed(
                    model,
                    resolved,
                    settings,
                    training=FinishedTraining(
                        result=trained,
                        num_images=len(images.train),
                        peak_memory_mib=peak_memory_mib,
                        num_devices=execution.gpus_per_trial,
                        num_neighbours=progress.environment.get("trials_on_device", 1) - 1,
                        # A copy would be compiled anew, for longer than all measurements take.
                        again=None if ranks is not None or settings.compile else train_again,
                    ),
                    test=tested.prediction,
                    was_disturbed=sharing.was_disturbed,
                    budget_seconds=execution.measure_seconds,
                    best_inference=execution.best_inference,
                )
        progress.speed = speed


def _statistics(model: nn.Module) -> str:
    """Tell what fewer images at a time change, if anything."""
    if least_images(model) == 1:
        return ""
    return "; batch normalisation took its statistics from fewer images, so results differ from those of whole batches"
