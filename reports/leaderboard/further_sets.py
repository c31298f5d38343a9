"""Further sets: the accuracy of a row on other test sets than its own, and how much lower it is there.

Shape suffixes: S seeds, F folds, N test images, M images of a further set.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness.records.predictions import FILE_NAME, further_file, load_predictions
from harness.records.record import Record, TestSetKind, TestSetResult
from harness.records.runtime_result import runtime_name
from reports.leaderboard.table import FurtherEstimate, estimate_of
from reports.statistics.drops import Drop, paired_drop, unpaired_drop
from reports.statistics.fold_networks import FoldNetworks
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
class CorrectImages:
    """How correct the seeds of a row are on the images of a set, ordered by id."""

    samples_N: NDArray[np.uint64]
    correct_SN: Floats
    folds_SN: NDArray[np.int64] | None = None
    """Fold of each image, if the seeds are pooled from folds."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FurtherSet:
    """What a column shows: an image set, the corrupted copies of one, or the slices of which the lowest counts."""

    source: str
    kind: TestSetKind
    parts: list[CorrectImages]

    @property
    def samples(self) -> list[Sample]:
        """One sample for each part."""
        return [Sample.of(each.correct_SN) for each in self.parts]

    def mean(self) -> Floats:
        """Return ``[S, N]``: the mean over the parts: corrupted copies of an image are one image, not several."""
        import numpy as np

        mean_SN: Floats = np.mean([each.correct_SN for each in self.parts], axis=0)
        return mean_SN

    @property
    def mean_sample(self) -> Sample:
        """The sample of that mean."""
        return Sample.of(self.mean())


def further_estimates(trials: Sequence[Trial], folds: Sequence[Trial] = ()) -> dict[str, FurtherEstimate]:
    """Return what the seeds of a row give on each further set that all of them were tested on.

    After cross-validation, each fold's network was tested on the whole set, and the mean over them counts.

    Keys are ``on_NAME`` for each dataset, corruption (over its severities) and slice; ``corrupted`` for the mean over
    all corruptions and severities; ``worst_slice`` for the slice with the lowest accuracy. A set whose predictions are
    missing, damaged or of different images is left out.

    Args:
        trials: The seeds of a row, pooled if there are folds.
        folds: The trials of the folds of all seeds.
    """
    if any(record.folds for _, record in trials) and not any(runtime_name(record) for _, record in trials):
        return _over_folds(trials, folds)
    read = read_sets(trials)
    if read is None:
        return {}
    clean, sets = read
    found = {key: _estimate(each, clean) for key, each in sets.items() if key != WORST_SLICE}
    if WORST_SLICE in sets:
        slices = [key for key, each in sets.items() if each.kind is TestSetKind.SLICE and key != WORST_SLICE]
        worst = min((found[key] for key in slices), key=lambda each: each.accuracy.mean)
        interval = lowest_interval(sets[WORST_SLICE].samples)
        accuracy = replace(worst.accuracy, low=interval.low, high=interval.high)
        found[WORST_SLICE] = replace(worst, accuracy=accuracy, num_sets=len(slices))
    return found


def read_sets(trials: Sequence[Trial]) -> tuple[CorrectImages, dict[str, FurtherSet]] | None:
    """Return the images of the table's own test set and of the further sets by key, or None if there are none."""
    records = [record for _, record in trials]
    if not records or any(runtime_name(record) for record in records):
        return None
    common = _common_names(records)
    clean = _read(trials, None) if common else None
    if clean is None:
        return None
    found: dict[str, FurtherSet] = {}
    corrupted: dict[str, list[CorrectImages]] = {}
    for name in common:
        first = records[0].test_sets[name]
        correct = _read_common(trials, name)
        if correct is None:
            continue
        if first.kind is not TestSetKind.CORRUPTION:
            found[f"on_{name}"] = FurtherSet(source=first.source, kind=first.kind, parts=[correct])
        elif first.severity:
            corrupted.setdefault(name.rpartition("-")[0], []).append(correct)
    slices = [each for each in found.values() if each.kind is TestSetKind.SLICE]
    for corruption, parts in corrupted.items():
        found[f"on_{corruption}"] = FurtherSet(source=corruption, kind=TestSetKind.CORRUPTION, parts=parts)
    if corrupted:
        every = [each for parts in corrupted.values() for each in parts]
        source = f"{len(corrupted)} corruptions"
        found[CORRUPTED] = FurtherSet(source=source, kind=TestSetKind.CORRUPTION, parts=every)
    if len(slices) > 1:
        parts = [part for each in slices for part in each.parts]
        found[WORST_SLICE] = FurtherSet(source="", kind=TestSetKind.SLICE, parts=parts)
    return clean, found


def _over_folds(trials: Sequence[Trial], folds: Sequence[Trial]) -> dict[str, FurtherEstimate]:
    """Return what the networks of all folds of all seeds give on each further dataset."""
    import numpy as np

    by_place = {(folder.parent, record.trial_id): (folder, record) for folder, record in folds}
    places_by_seed = [[(folder.parent, name) for name in record.folds] for folder, record in trials]
    num_folds = len(places_by_seed[0])
    is_whole = all(len(each) == num_folds and all(place in by_place for place in each) for each in places_by_seed)
    networks = [by_place[place] for each in places_by_seed for place in each] if is_whole else []
    common = _common_names([record for _, record in networks])
    own = _read(trials, None) if common else None
    if own is None or own.folds_SN is None:
        return {}
    found: dict[str, FurtherEstimate] = {}
    for name in common:
        first = networks[0][1].test_sets[name]
        correct = _read_common(networks, name) if first.kind is TestSetKind.DATASET else None
        if correct is None:
            continue
        correct_SFM = correct.correct_SN.reshape(len(trials), num_folds, -1)
        together = FoldNetworks(correct_SFM=correct_SFM, own_SN=own.correct_SN, folds_SN=own.folds_SN)
        interval = together.interval()
        accuracy = estimate_of(np.mean(correct_SFM, axis=(1, 2)).tolist())
        assert accuracy is not None, "there is a seed"
        found[f"on_{name}"] = FurtherEstimate(
            source=first.source,
            kind=first.kind,
            accuracy=replace(accuracy, low=interval.low, high=interval.high),
            drop=together.drop(),
            num_images=interval.num_images,
            num_folds=num_folds,
        )
    return found


def _common_names(records: Sequence[Record]) -> list[str]:
    """Return the names of the further sets that all of several records have."""
    return [name for name in records[0].test_sets if all(name in each.test_sets for each in records)] if records else []


def _read_common(trials: Sequence[Trial], name: str) -> CorrectImages | None:
    """Return how correct trials are on a further set of the same images; None if that is not known."""
    is_same = len({record.test_sets[name].fingerprint for _, record in trials}) == 1
    return _read(trials, name) if is_same else None


def set_names(records: Iterable[Record]) -> dict[str, TestSetResult]:
    """Return the further sets of records by name, with one of the results of each."""
    return {name: result for record in records for name, result in record.test_sets.items()}


def _estimate(further: FurtherSet, clean: CorrectImages) -> FurtherEstimate:
    sample, correct_SN = further.mean_sample, further.mean()
    interval = mean_interval(sample)
    accuracy = estimate_of(correct_SN.mean(axis=1).tolist())
    assert accuracy is not None, "there is a seed"
    accuracy = replace(accuracy, low=interval.low, high=interval.high)
    return FurtherEstimate(
        source=further.source,
        kind=further.kind,
        accuracy=accuracy,
        drop=_drop(further.kind, clean, further.parts[0].samples_N, correct_SN),
        num_sets=len(further.parts),
        num_images=len(further.parts[0].samples_N),
    )


def _drop(kind: TestSetKind, clean: CorrectImages, samples_N: NDArray[np.uint64], correct_SN: Floats) -> Drop | None:
    import numpy as np

    if kind is TestSetKind.CORRUPTION:
        return paired_drop(clean.correct_SN, correct_SN) if np.array_equal(samples_N, clean.samples_N) else None
    if kind is TestSetKind.DATASET:
        return unpaired_drop(clean.correct_SN, correct_SN)
    rest_N = ~np.isin(clean.samples_N, samples_N)
    if not rest_N.any():
        return None
    return unpaired_drop(clean.correct_SN[:, rest_N], correct_SN, share=float(rest_N.mean()))


def _read(trials: Sequence[Trial], name: str | None) -> CorrectImages | None:
    """Return how correct trials are on a further set, or on their own with None; None if that is not known."""
    import numpy as np

    read: list[_OneCorrect] = []
    for folder, record in trials:
        one = _read_one(folder, record, name)
        if one is None or (read and not np.array_equal(one.samples_N, read[0].samples_N)):
            return None
        read.append(one)
    folds = [each.folds_N for each in read if each.folds_N is not None]
    return CorrectImages(
        samples_N=read[0].samples_N,
        correct_SN=np.stack([each.correct_N for each in read]),
        folds_SN=np.stack(folds) if len(folds) == len(read) else None,
    )


class _OneCorrect(NamedTuple):
    """How correct one trial is on the images of a set, ordered by id."""

    samples_N: NDArray[np.uint64]
    correct_N: Floats
    folds_N: NDArray[np.int64] | None


def _read_one(folder: Path, record: Record, name: str | None) -> _OneCorrect | None:
    import numpy as np

    file = FILE_NAME if name is None else further_file(name)
    try:
        saved = load_predictions(folder, sha256=record.files.get(file), name=file)
    except StoreError:
        return None
    order = np.argsort(saved.samples, kind="stable")
    folds_N = None if saved.folds is None else saved.folds[order]
    return _OneCorrect(saved.samples[order], share_correct(saved.predictions)[order], folds_N)


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
