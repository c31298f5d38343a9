"""Ranking evidence: what the predictions of a row say about the metric that it is ranked by."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reports.leaderboard.columns.column import Column
from reports.leaderboard.further_sets import WORST_SLICE, read_sets
from reports.statistics.influence import influence_of, unseen_variance, value_at
from reports.statistics.intervals import Interval, mean_interval, metric_interval
from reports.statistics.sample import Sample
from reports.trials.correctness import Correctness, folds_of, read_correctness, read_predictions
from reports.trials.reading import Trial
from zoo.metric import Metric, Predictions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class RankingEvidence:
    """What a row is ranked on: a sample, or the reason why there is none."""

    sample: Sample | None
    """Values of the metric, or of its negative if lower is better."""
    images: bytes
    """Digest of its test images; samples of different images cannot be paired."""
    problem: str = ""
    has_interval: bool = False
    """Whether a row that cannot be tested has an interval nevertheless."""
    interval: Interval | None = None
    """95 % interval of the metric."""
    slices: tuple[Sample, ...] = ()
    """Samples of several slices, of which the lowest counts; then *sample* is the one that is lowest."""


def evidence_of(trials: Sequence[Trial]) -> RankingEvidence:
    """Return how accurate the seeds of one row are on each image."""
    read = read_seeds(trials)
    if isinstance(read, str):
        return RankingEvidence(sample=None, images=b"", problem=read)
    sample = sample_of(read)
    return RankingEvidence(sample=sample, images=read[0].images, interval=mean_interval(sample))


def sample_of(seeds: Sequence[Correctness]) -> Sample:
    """Return the sample of a row's seeds, which were tested on the same images."""
    import numpy as np

    return Sample.of(np.stack([each.correct_N for each in seeds]), folds_of(seeds))


def metric_evidence_of(trials: Sequence[Trial], column: Column) -> RankingEvidence:
    """Return how the images move the metric of *column* under the seeds of one row."""
    import numpy as np

    metric = column.metric
    assert metric is not None, "only a column of a metric is tested"
    if not trials:
        return RankingEvidence(sample=None, images=b"", problem="no seed has finished")
    influence, of_images, folds, first = [], set(), [], None
    for folder, record in trials:
        read = read_predictions(folder, record)
        if isinstance(read, str):
            return RankingEvidence(sample=None, images=b"", problem=read)
        predictions, images = read[0].limited_to(metric.needs), read[1]
        if metric.needs_scores and not predictions.has_scores:
            problem = f"{column.key} needs scores, and only the predicted classes are known"
            return RankingEvidence(sample=None, images=b"", problem=problem)
        if missing := metric.lacks(predictions):
            problem = f"{column.key} needs {' and '.join(missing)}, which the predictions were saved without"
            return RankingEvidence(sample=None, images=b"", problem=problem)
        numbers = influence_of(metric, predictions)
        if isinstance(numbers, str):
            return RankingEvidence(sample=None, images=b"", problem=f"{column.key}: {numbers}")
        value = record.metrics[column.key].value if column.key in record.metrics else None
        expected = value_at(metric, float(numbers.mean()))
        if isinstance(expected, str):
            return RankingEvidence(sample=None, images=b"", problem=f"{column.key}: {expected}")
        if not isinstance(value, float | int) or not math.isclose(value, expected, rel_tol=1e-6, abs_tol=1e-9):
            problem = f"the {column.key} of a record is not that of its predictions; zoo rescore computes it again"
            return RankingEvidence(sample=None, images=b"", problem=problem)
        influence.append(numbers)
        if read[2] is not None and len(numbers) == len(read[2]):
            folds.append(read[2])
        elif read[2] is not None and len(trials) > 1 and record.spec.dataset.resplit is not None:
            problem = f"{column.key} has no influence of single images, which repeated folds need"
            return RankingEvidence(sample=None, images=b"", problem=problem)
        of_images.add(images)
        first = predictions if first is None else first
    if len(of_images) > 1 or first is None:
        return RankingEvidence(sample=None, images=b"", problem="the seeds were tested on different images")
    influence_SN = np.stack(influence)
    folds_SN = np.stack(folds) if len(folds) == len(influence) else None
    interval = _interval(metric, first, influence_SN, folds_SN)
    if isinstance(interval, str):
        return RankingEvidence(sample=None, images=b"", problem=f"{column.key}: {interval}")
    sign = 1 if column.higher_is_better else -1
    return RankingEvidence(sample=Sample.of(sign * influence_SN, folds_SN), images=of_images.pop(), interval=interval)


def further_evidence(trials: Sequence[Trial], key: str) -> RankingEvidence:
    """Return how accurate the seeds of one row are on each image of a further set, by the key of its column."""
    if not trials:
        return RankingEvidence(sample=None, images=b"", problem="no seed has finished")
    if any(record.folds for _, record in trials):
        problem = f"the networks of all folds share the images of {key}, and the differences of rows are not tested"
        return RankingEvidence(sample=None, images=b"", problem=problem, has_interval=True)
    read = read_sets(trials)
    if read is None or key not in read[1]:
        return RankingEvidence(sample=None, images=b"", problem=f"not all seeds have predictions for {key}")
    found = read[1][key]
    images = hashlib.sha256()
    for each in found.parts:
        images.update(len(each.samples_N).to_bytes(8, "little"))
        images.update(each.samples_N.tobytes())
    if key == WORST_SLICE:
        samples = found.samples
        lowest = min(samples, key=lambda sample: sample.mean)
        return RankingEvidence(sample=lowest, images=images.digest(), slices=tuple(samples))
    return RankingEvidence(sample=found.mean_sample, images=images.digest())


def _interval(
    metric: Metric,
    predictions: Predictions,
    influence_SN: NDArray[np.float64],
    folds_SN: NDArray[np.int64] | None,
) -> Interval | str:
    """Return the interval of a metric, or a sentence on why there is none."""
    sample = Sample.of(influence_SN, folds_SN)
    if metric.of_influence is None:
        unseen = unseen_variance(metric, predictions, influence_SN)
        return unseen if isinstance(unseen, str) else metric_interval(sample, metric.bounds, unseen=unseen)
    found = metric_interval(sample, (-math.inf, math.inf))
    low, high = value_at(metric, found.low), value_at(metric, found.high)
    if isinstance(low, str) or isinstance(high, str):
        return low if isinstance(low, str) else str(high)
    return replace(found, low=low, high=high)


def read_seeds(trials: Sequence[Trial]) -> list[Correctness] | str:
    """Return the correctness of each seed of a row on the same images, or a sentence on why it is not known."""
    if not trials:
        return "no seed has finished"
    read: list[Correctness] = []
    for folder, record in trials:
        correctness = read_correctness(folder, record)
        if isinstance(correctness, str):
            return correctness
        read.append(correctness)
    if len({each.images for each in read}) > 1:
        return "the seeds were tested on different images"
    return read


def most_common_images(images: Iterable[bytes]) -> bytes:
    """Return the images that most rows were tested on, given those of each row; empty if there are none."""
    counts = Counter(images)
    return max(counts, key=lambda key: (counts[key], key), default=b"")
