"""Runtime jobs: evaluate and time the weights of a trial under another runtime, in a separate process.

The test set is opened for evaluation only; int8 quantisation is calibrated on training images.
Shape suffixes: N images, B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.classifiers.images import prepared_data, spread_images
from harness.classifiers.quantizing import CALIBRATION_IMAGES, Calibration
from harness.classifiers.trained import TrainedClassifier, load_trained
from harness.data.cache_layout import using
from harness.data.images import PreparedData, TrialImages
from harness.faults.errors import TrialError
from harness.faults.failures import classify
from harness.measuring.environment import describe
from harness.measuring.timer import synchronize
from harness.planning.classifiers import GivenClassifier
from harness.records import store as files
from harness.records.keys import measurement_fields
from harness.records.predictions import FILE_NAME as PREDICTIONS_FILE
from harness.records.predictions import SavedPredictions, load_predictions, save_predictions
from harness.records.record import FailureKind, MetricValue, Outcome, Record, SpeedInfo
from harness.records.runtime_result import RuntimeResult, predictions_name, write_result
from harness.records.scoring import score
from harness.records.trial_lock import trial_lock
from harness.runtimes.converting import Converted, convert
from harness.runtimes.evaluated import evaluated_classifier
from harness.runtimes.speed import measure_runtime_speed
from harness.system.atomic_files import sha256_of
from harness.system.malloc import keep_freed_memory
from harness.training.evaluation import batch_size_for, eval_mode, predict_logits
from harness.training.precision import computing
from zoo.calling.interruption import INTERRUPTION
from zoo.catalog import Catalog
from zoo.errors import UsageError
from zoo.loading import Sources, build_catalog
from zoo.preparation import USUAL


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Tested:
    """A finished trial, whose weights are in its folder unless they were given."""

    folder: Path
    record: Record
    given: GivenClassifier | None

    def classifier(self, prepared: PreparedData, catalog: Catalog) -> TrainedClassifier:
        if self.given is None:
            return load_trained(self.folder, catalog)
        return evaluated_classifier(self.record, self.given, prepared, catalog)


@dataclasses.dataclass(kw_only=True)
class _Progress:
    """What is known so far; it goes into the result even after a failure."""

    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    phase: str = "start"
    environment: dict[str, Any] = dataclasses.field(default_factory=dict)
    conditions: dict[str, Any] = dataclasses.field(default_factory=dict)
    file_bytes: int | None = None
    conversion_seconds: float | None = None
    quantization: dict[str, Any] | None = None
    metrics: dict[str, MetricValue] = dataclasses.field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    files: dict[str, str] = dataclasses.field(default_factory=dict)
    max_difference: float | None = None
    top1_agreement: float | None = None
    speed: SpeedInfo | None = None

    @contextmanager
    def during(self, phase: str) -> Iterator[None]:
        self.phase = phase
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] = time.perf_counter() - start


def run_runtime(
    folder: str,
    runtime: str,
    *,
    cache: str,
    sources: dict[str, Any],
    result: dict[str, Any],
    classifier: dict[str, Any] | None = None,
) -> str:
    """Evaluate and time the weights in a trial folder under *runtime*, and write the result there.

    Args:
        folder: The trial folder.
        runtime: Name of the runtime.
        cache: Folder of decoded datasets.
        sources: Arguments of :class:`zoo.loading.Sources`.
        result: Fields of the result that are known in advance: its keys.
        classifier: Fields of the :class:`harness.planning.classifiers.GivenClassifier` that was evaluated; None: the
            weights are those in the folder.

    Returns:
        ``done``, ``failed``, or ``busy`` if another process uses the trial and nothing was done.
    """
    keep_freed_memory()
    path = Path(folder)
    with trial_lock(path) as is_ours:
        if not is_ours:
            return "busy"
        record = files.read_record(path / files.RECORD_FILE)
        given = None if classifier is None else GivenClassifier.model_validate(classifier)
        tested = _Tested(folder=path, record=record, given=given)
        found = _attempt(tested, runtime, Path(cache), build_catalog(Sources(**sources)), result)
        write_result(path, found)
        return found.outcome.value


def _attempt(tested: _Tested, runtime: str, cache: Path, catalog: Catalog, known: dict[str, Any]) -> RuntimeResult:
    record = tested.record
    start = time.perf_counter()
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    progress = _Progress()
    outcome, failure = Outcome.DONE, None
    try:
        _run(tested, runtime, cache, catalog, progress)
    except BaseException as error:  # any error of a network or converter fails this runtime only
        if INTERRUPTION.count:
            raise
        outcome, failure = Outcome.FAILED, classify(error, progress.phase)
    progress.seconds["total"] = time.perf_counter() - start
    return RuntimeResult(
        **known,
        runtime=runtime,
        trial_id=record.trial_id,
        result_key=record.result_key,
        outcome=outcome,
        failure=failure,
        started_at=started_at,
        seconds=progress.seconds,
        environment=progress.environment,
        conditions=progress.conditions,
        file_bytes=progress.file_bytes,
        conversion_seconds=progress.conversion_seconds,
        quantization=progress.quantization,
        metrics=progress.metrics,
        warnings=progress.warnings,
        files=progress.files,
        max_difference=progress.max_difference,
        top1_agreement=progress.top1_agreement,
        speed=progress.speed,
    )


def _run(tested: _Tested, runtime: str, cache: Path, catalog: Catalog, progress: _Progress) -> None:
    folder, record = tested.folder, tested.record
    threads = record.environment.get("threads")  # those that the network trained with, for comparison
    if threads:
        torch.set_num_threads(threads)
    with progress.during("load"):
        prepared = _prepared(record, cache)
        classifier = tested.classifier(prepared, catalog)
    with using(prepared.folders):
        images = TrialImages(prepared)
        with progress.during("convert"):
            try:
                converted = convert(
                    classifier,
                    catalog.runtimes.get(runtime),
                    device=torch.device(record.spec.execution.device),
                    threads=threads,
                    calibration=lambda: _calibration(images, classifier),
                )
            except UsageError as error:  # the message says which package is missing
                raise TrialError(FailureKind.ERROR, str(error)) from error
            compile_seconds = _first_call(converted, classifier) if converted.compiles else None
        environment = describe(str(converted.settings.device), threads)
        if "available_threads" in record.environment:
            environment["available_threads"] = record.environment["available_threads"]
        quantization = converted.quantization
        progress.environment = environment
        progress.conditions = measurement_fields(record.spec, environment)
        progress.file_bytes = converted.file_bytes
        progress.conversion_seconds = compile_seconds if converted.compiles else converted.conversion_seconds
        progress.quantization = None if quantization is None else quantization.model_dump(mode="json")
        with progress.during("test"):
            images.end_training()
            test = images.open_test()
            test_start = time.perf_counter()
            logits_NK = predict_logits(
                converted.module,
                test,
                converted.settings,
                predict=classifier.predict,
                num_classes=len(classifier.card.classes),
            ).numpy()
            test_seconds = time.perf_counter() - test_start
            own = load_predictions(folder, sha256=record.files.get(PREDICTIONS_FILE))
            if not np.array_equal(own.samples, test.samples_N):
                message = "the cached test images are not those that the trial was tested on"
                raise TrialError(FailureKind.DATA, message)
            predictions = replace(own.predictions, logits=logits_NK, features=None)
            saved = SavedPredictions(predictions=predictions, samples=test.samples_N)
            path = save_predictions(folder, saved, name=predictions_name(runtime))
            scores = score(predictions, catalog.metrics)
            progress.metrics, progress.warnings = scores.values, scores.problems
            progress.files = {path.name: sha256_of(path)}
            progress.max_difference, progress.top1_agreement = _agreement(own.predictions.logits, logits_NK)
        if record.spec.execution.measure_seconds > 0:
            with progress.during("measure"):
                progress.speed = measure_runtime_speed(
                    converted,
                    test,
                    test_seconds=test_seconds,
                    compile_seconds=compile_seconds,
                    budget_seconds=record.spec.execution.own_measure_seconds,
                )


def _prepared(record: Record, cache: Path) -> PreparedData:
    found = None
    if record.data is not None:
        preparation = record.spec.preparation or dataclasses.replace(USUAL, size=record.data.image_size)
        found = next(prepared_data(record.data.fingerprint, preparation, cache), None)
    if found is None:
        raise TrialError(
            FailureKind.DATA,
            f"the images of {record.spec.dataset.display_name} that the trial used are no longer in the cache",
        )
    return found


def _calibration(images: TrialImages, classifier: TrainedClassifier) -> Calibration:
    if not len(images.train):
        raise UsageError(
            f"{classifier.card.dataset} has no training images here to take the ranges of activations from, since all "
            "its images are tested: zoo eval --carve-test keeps some"
        )
    found = spread_images(images.train, CALIBRATION_IMAGES)
    return Calibration(
        images_NHWC=found,
        origin=f"{len(found)} training images of {classifier.card.dataset}",
        fingerprint=classifier.card.fingerprint,
    )


def _first_call(converted: Converted, classifier: TrainedClassifier) -> float:
    """Return the compile time in seconds, for a batch like those that are timed."""
    card, settings = classifier.card, converted.settings
    device = settings.device
    size = batch_size_for(card.image_size, card.image_size, device)
    raw_BCHW = torch.zeros(size, card.channels, card.image_size, card.image_size, dtype=torch.uint8, device=device)
    images_BCHW = settings.normalizer()(raw_BCHW)
    start = time.perf_counter()
    with eval_mode(converted.module), torch.inference_mode(), computing(device, settings.precision):
        converted.module(images_BCHW)
        synchronize(device)
    return time.perf_counter() - start


def _agreement(own_NK: NDArray[np.float32], other_NK: NDArray[np.float32]) -> tuple[float, float]:
    """Return the largest difference of a logit from the trial's own, and the share of equal top-1 predictions."""
    return float(np.abs(own_NK - other_NK).max()), float((own_NK.argmax(axis=1) == other_NK.argmax(axis=1)).mean())
