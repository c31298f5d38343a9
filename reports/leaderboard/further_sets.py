"""Further sets: the accuracy of a row on other test sets than its own, and how much lower it is there.

Shape suffixes: S seeds, N test images.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.records.predictions import FILE_NAME, further_file, load_predictions
from harness.records.record import Record, TestSetKind, TestSetResult
from harness.records.runtime_result import runtime_name
from reports.leaderboard.table import FurtherEstimate, estimate_of
from reports.statistics.drops import Drop, paired_drop, unpaired_drop
from reports.statistics.intervals import mean_interval
from reports.statistics.lowest import lowest_interval
from reports.statistics.sample import Sample
from reports.trials.correctness import share_correct
from reports.trials.reading import Trial
from zoo.errors import StoreError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CORRUPTED = "corrupted"
WORST_SLICE = "worst_slice"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Correct:
    """How correct the seeds of a row are on the images of a set, ordered by id."""

    samples_N: NDArray[np.uint64]
    correct_SN: Floats


def further_estimates(trials: Sequence[Trial]) -> dict[str, FurtherEstimate]:
    """Return what the seeds of a row give on each further set that all of them were tested on.

    Keys are ``on_NAME`` for each dataset, corruption (over its severities) and slice; ``corrupted`` for the mean over
    all corruptions and severities; ``worst_slice`` for the slice with the lowest accuracy. A set whose predictions are
    missing, damaged or of different images is left out.
    """
    records = [record for _, record in trials]
    if not records or any(runtime_name(record) for record in records):
        return {}
    common = [name for name in records[0].test_sets if all(name in record.test_sets for record in records)]
    clean = _read(trials, None) if common else None
    if clean is None:
        return {}
    found: dict[str, FurtherEstimate] = {}
    corrupted: dict[str, list[_Correct]] = {}
    slices: list[tuple[FurtherEstimate, Sample]] = []
    for name in common:
        results = [record.test_sets[name] for record in records]
        first = results[0]
        correct = _read(trials, name) if len({each.fingerprint for each in results}) == 1 else None
        if correct is None:
            continue
        if first.kind is TestSetKind.CORRUPTION:
            if first.severity:
                corrupted.setdefault(name.rpartition("-")[0], []).append(correct)
            continue
        estimate = _estimate(first.source, first.kind, clean, [correct])
        found[f"on_{name}"] = estimate
        slices += [(estimate, Sample.of(correct.correct_SN))] if first.kind is TestSetKind.SLICE else []
    for corruption, sets in corrupted.items():
        found[f"on_{corruption}"] = _estimate(corruption, TestSetKind.CORRUPTION, clean, sets)
    if corrupted:
        every = [each for sets in corrupted.values() for each in sets]
        found[CORRUPTED] = _estimate(f"{len(corrupted)} corruptions", TestSetKind.CORRUPTION, clean, every)
    if len(slices) > 1:
        worst = min((estimate for estimate, _ in slices), key=lambda each: each.accuracy.mean)
        interval = lowest_interval([sample for _, sample in slices])
        accuracy = replace(worst.accuracy, low=interval.low, high=interval.high)
        found[WORST_SLICE] = replace(worst, accuracy=accuracy, num_sets=len(slices))
    return found


def set_names(records: Iterable[Record]) -> dict[str, TestSetResult]:
    """Return the further sets of records by name, with one of the results of each."""
    return {name: result for record in records for name, result in record.test_sets.items()}


def _estimate(source: str, kind: TestSetKind, clean: _Correct, sets: Sequence[_Correct]) -> FurtherEstimate:
    import numpy as np

    # Corrupted versions of an image are averaged first: they are one image, not several.
    correct_SN = np.mean([each.correct_SN for each in sets], axis=0)
    samples_N = sets[0].samples_N
    interval = mean_interval(Sample.of(correct_SN))
    accuracy = estimate_of(correct_SN.mean(axis=1).tolist())
    assert accuracy is not None, "there is a seed"
    accuracy = replace(accuracy, low=interval.low, high=interval.high)
    return FurtherEstimate(
        source=source, kind=kind, accuracy=accuracy, drop=_drop(kind, clean, samples_N, correct_SN), num_sets=len(sets)
    )


def _drop(kind: TestSetKind, clean: _Correct, samples_N: NDArray[np.uint64], correct_SN: Floats) -> Drop | None:
    import numpy as np

    if kind is TestSetKind.CORRUPTION:
        return paired_drop(clean.correct_SN, correct_SN) if np.array_equal(samples_N, clean.samples_N) else None
    if kind is TestSetKind.DATASET:
        return unpaired_drop(clean.correct_SN, correct_SN)
    rest_N = ~np.isin(clean.samples_N, samples_N)
    if not rest_N.any():
        return None
    return unpaired_drop(clean.correct_SN[:, rest_N], correct_SN, share=float(rest_N.mean()))


def _read(trials: Sequence[Trial], name: str | None) -> _Correct | None:
    """Return how correct trials are on a further set, or on their own with None; None if that is not known."""
    import numpy as np

    read: list[tuple[NDArray[np.uint64], Floats]] = []
    for folder, record in trials:
        one = _read_one(folder, record, name)
        if one is None or (read and not np.array_equal(one[0], read[0][0])):
            return None
        read.append(one)
    return _Correct(samples_N=read[0][0], correct_SN=np.stack([correct_N for _, correct_N in read]))


def _read_one(folder: Path, record: Record, name: str | None) -> tuple[NDArray[np.uint64], Floats] | None:
    import numpy as np

    file = FILE_NAME if name is None else further_file(name)
    try:
        saved = load_predictions(folder, sha256=record.files.get(file), name=file)
    except StoreError:
        return None
    order = np.argsort(saved.samples, kind="stable")
    return saved.samples[order], share_correct(saved.predictions)[order]


def further_keys(records: Iterable[Record]) -> list[str]:
    """Return the keys of the columns that further sets of records can fill."""
    keys: dict[str, None] = {}
    for name, result in set_names(records).items():
        if result.kind is TestSetKind.CORRUPTION:
            if result.severity:
                corruption = name.rpartition("-")[0]
                keys |= dict.fromkeys([CORRUPTED, f"drop_{CORRUPTED}", f"on_{corruption}", f"drop_{corruption}"])
            continue
        if result.kind is TestSetKind.SLICE:
            keys |= dict.fromkeys([WORST_SLICE, f"drop_{WORST_SLICE}"])
        keys |= dict.fromkeys([f"on_{name}", f"drop_{name}"])
    return list(keys)


def requested_keys(words: Iterable[str]) -> list[str]:
    """Return the keys of columns that the words of ``--test-also`` ask for."""
    keys: dict[str, None] = {}
    for word in words:
        name, equals, _ = word.partition("=")
        if word == "slices":
            keys |= dict.fromkeys([WORST_SLICE, f"drop_{WORST_SLICE}"])
        elif word.startswith("corrupt:"):
            corruption = word.removeprefix("corrupt:").partition("@")[0]
            keys |= dict.fromkeys([CORRUPTED, f"drop_{CORRUPTED}", f"on_{corruption}", f"drop_{corruption}"])
        elif equals:
            keys |= dict.fromkeys([f"on_{name}", f"drop_{name}"])
    return list(keys)
