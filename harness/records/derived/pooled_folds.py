"""Pooled folds: the folds of a seed combined into one trial that was tested on every image.

The pooled trial is stored like any other, with the predictions of all its folds in one file. It is therefore ranked,
compared, rescored and verified like any other, on all N images. Nothing is trained here.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from filelock import FileLock, Timeout

from harness.records.keys import result_key
from harness.records.predictions import FILE_NAME, SavedPredictions, load_predictions, save_predictions
from harness.records.record import Latency, Outcome, Rate, Record, SpeedInfo, most_taken
from harness.records.scoring import score
from harness.records.store import RECORD_FILE, Store, read_record, write_record
from harness.records.trial_lock import LOCK_FILE
from harness.system.atomic_files import sha256_of, writing
from zoo.catalog import Entry
from zoo.errors import StoreError
from zoo.files.plain_files import PREDICTIONS
from zoo.metric import Metric, Predictions


def pool_folds(
    store: Store, records: Iterable[Record], metrics: Sequence[Entry[Metric]]
) -> tuple[list[Record], list[str]]:
    """Pool the folds of each seed, and write the results to the store.

    Seeds with a missing or unfinished fold are left out. A result is not written again if the predictions are the same.

    Args:
        store: The store of the folds' trials.
        records: Records of folds; other records are ignored.
        metrics: Metrics to compute from the predictions of all folds together.

    Returns:
        The records of the complete seeds, and a sentence for each seed that could not be pooled.
    """
    complete: list[Record] = []
    problems: list[str] = []
    for folds in complete_seeds(records):
        try:
            complete.append(_written(store, folds, metrics))
        except (StoreError, OSError) as error:
            problems.append(f"{folds[0].spec.whole.title}: its folds cannot be pooled: {error}")
    return complete, problems


def complete_seeds(records: Iterable[Record]) -> list[list[Record]]:
    """Return the records of each seed whose folds are all done, in the order of the folds."""
    seeds: dict[str, dict[int, Record]] = {}
    for record in records:
        fold = record.spec.dataset.fold
        if fold is not None and record.outcome is Outcome.DONE and record.data is not None:
            seeds.setdefault(_whole_key(record), {}).setdefault(fold, record)
    return [
        [folds[fold] for fold in sorted(folds)]
        for folds in seeds.values()
        if len(folds) == next(iter(folds.values())).spec.dataset.folds
    ]


def _whole_key(record: Record) -> str:
    assert record.data is not None, "the record of a finished trial describes its images"
    return result_key(
        record.spec.whole,
        fingerprint=record.data.whole_fingerprint,
        pixels=record.data.pixels,
        torch_version=str(record.environment.get("torch", "")),
    )


def _written(store: Store, folds: Sequence[Record], metrics: Sequence[Entry[Metric]]) -> Record:
    key = _whole_key(folds[0])
    spec = folds[0].spec.whole
    (name,) = store.ids_of([(spec, key)])
    sums = {each.trial_id: each.files.get(FILE_NAME, "") for each in folds}
    folder = store.folder(name)
    with writing(folder):
        folder.mkdir(exist_ok=True)
        lock = FileLock(folder / LOCK_FILE)
        try:
            lock.acquire(timeout=10)
        except Timeout:
            raise StoreError(f"{folder} is in use by another process") from None
    try:
        known = store.read(name)
        if known is not None and known.folds == sums and (folder / FILE_NAME).is_file():
            return known
        saved = concatenated([load_predictions(store.folder(each), sha256=digest) for each, digest in sums.items()])
        with writing(folder):
            save_predictions(folder, saved)
            scores = score(saved.predictions, metrics)
            record = _record(folds, name, key, scores.values, scores.problems, len(saved.samples))
            record = record.model_copy(
                update={"files": {FILE_NAME: sha256_of(folder / FILE_NAME, PREDICTIONS)}, "folds": sums}
            )
            write_record(folder, record)
        return read_record(folder / RECORD_FILE)
    finally:
        lock.release()


def concatenated(folds: Sequence[SavedPredictions]) -> SavedPredictions:
    """Concatenate the predictions of folds into those of one test set, in the order of the images' ids.

    Raises:
        StoreError: If an image is in two folds, or the folds have different classes.
    """
    samples_N = np.concatenate([each.samples for each in folds])
    if len(np.unique(samples_N)) < len(samples_N):
        raise StoreError("an image was tested in two folds")
    if len({each.predictions.classes for each in folds}) > 1:
        raise StoreError("the folds have different classes")
    order = np.argsort(samples_N, kind="stable")
    each_fold = [each.predictions for each in folds]
    ids = [name for one in each_fold for name in one.ids or ()]
    groups = [one.groups for one in each_fold if one.groups is not None]
    predictions = Predictions(
        logits=np.concatenate([one.logits for one in each_fold]),
        labels=np.concatenate([one.labels for one in each_fold]),
        classes=each_fold[0].classes,
        samples=samples_N,
        has_scores=all(one.has_scores for one in each_fold),
        ids=tuple(ids) if len(ids) == len(samples_N) else None,
        groups=np.concatenate(groups) if len(groups) == len(folds) else None,
        hierarchy=each_fold[0].hierarchy,
    ).select(order)
    folds_N = np.repeat(np.arange(1, len(folds) + 1), [len(each.samples) for each in folds])
    return SavedPredictions(predictions=predictions, samples=samples_N[order], folds=folds_N[order])


def _record(
    folds: Sequence[Record],
    name: str,
    key: str,
    metrics: Mapping[str, object],
    problems: Sequence[str],
    num_images: int,
) -> Record:
    first = folds[0]
    infos = [each.data for each in folds if each.data is not None]
    measured = Counter(each.measurement_key for each in folds if each.speed is not None)
    usual = min(measured, key=lambda each: (-measured[each], each), default=first.measurement_key)
    speeds = [each.speed for each in folds if each.speed is not None and each.measurement_key == usual]
    phases = dict.fromkeys(phase for each in folds for phase in each.seconds)
    return first.model_copy(
        update={
            "trial_id": name,
            "result_key": key,
            "measurement_key": usual,
            "spec": first.spec.whole,
            "data": infos[0].model_copy(
                update={
                    "fingerprint": infos[0].whole_fingerprint,
                    "whole_fingerprint": "",
                    "num_train": min(info.num_train or 0 for info in infos),
                    "num_val": min(info.num_val or 0 for info in infos),
                    "num_test": num_images,
                }
            ),
            "training": None,
            "tuning": None,
            "metrics": metrics,
            "speed": speed_over(speeds) if speeds else None,
            "seconds": {phase: sum(each.seconds.get(phase, 0.0) for each in folds) for phase in phases},
            "warnings": (
                *(f"fold {each.spec.dataset.fold}: {warning}" for each in folds for warning in _own_warnings(each)),
                *problems,
            ),
            "started_at": min(each.started_at for each in folds),
            "attempts": 1,
            "test_sets": {},
        }
    )


def _own_warnings(record: Record) -> list[str]:
    """Return a fold's warnings except those about metrics, which are computed again over all folds."""
    return [warning for warning in record.warnings if not warning.startswith("metric ")]


def speed_over(folds: Sequence[SpeedInfo]) -> SpeedInfo:
    """Return the median of each speed over the folds, with the full range of their windows."""

    def median(read: Callable[[SpeedInfo], float | None]) -> float | None:
        values = [value for value in map(read, folds) if value is not None]
        return statistics.median(values) if values else None

    def rate(read: Callable[[SpeedInfo], Rate | None]) -> Rate | None:
        found = [each for each in map(read, folds) if each is not None]
        if not found:
            return None
        return Rate(
            median=statistics.median(each.median for each in found),
            low=min(each.low for each in found),
            high=max(each.high for each in found),
            windows=sum(each.windows for each in found),
            batch_size=found[0].batch_size,
        )

    latencies = [each.latency for each in folds if each.latency is not None]
    return SpeedInfo(
        protocol=folds[0].protocol,
        train=rate(lambda speed: speed.train),
        train_end_to_end=rate(lambda speed: speed.train_end_to_end),
        inference=rate(lambda speed: speed.inference),
        inference_end_to_end=rate(lambda speed: speed.inference_end_to_end),
        decode=rate(lambda speed: speed.decode),
        latency=Latency(
            p50_ms=statistics.median(each.p50_ms for each in latencies),
            p95_ms=statistics.median(each.p95_ms for each in latencies),
            runs=sum(each.runs for each in latencies),
        )
        if latencies
        else None,
        compile_seconds=median(lambda speed: speed.compile_seconds),
        train_compile_seconds=median(lambda speed: speed.train_compile_seconds),
        peak_memory_mib=median(lambda speed: speed.peak_memory_mib),
        reference=rate(lambda speed: speed.reference),
        foreign_cores=max((each.foreign_cores for each in folds if each.foreign_cores is not None), default=None),
        taken_share=most_taken(folds),
        notes=tuple(dict.fromkeys(note for each in folds for note in each.notes)),
        seconds=sum(each.seconds for each in folds),
    )
