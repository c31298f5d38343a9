"""The lowest of several accuracies, such as that of the worst slice: an interval that allows for which one it is.

The lowest of several estimates is lower than the lowest truth, and not smooth: where slices are about equally hard, a
bootstrap of it nearly never covers the truth, and the plain interval of the lowest slice too rarely. What holds is an
intersection of the intervals of all slices (Berger, "Multiparameter hypothesis testing and acceptance sampling",
Technometrics 1982): the lowest lower end, since the truth of the lowest slice is above its own; and the lowest upper
end, with the level shared by all slices, since the truth is below each slice's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reports.statistics.intervals import Interval, mean_interval
from reports.statistics.multiplicity import CONFIDENCE
from reports.statistics.sample import Sample


def lowest_interval(samples: Sequence[Sample]) -> Interval:
    """Return the interval of the lowest expected accuracy, which covers it in at least 95 % of cases.

    Args:
        samples: One for each slice, of which there is at least one.
    """
    lowest = min(samples, key=lambda sample: sample.mean)
    shared = (1 - CONFIDENCE) / len(samples)
    low = min(mean_interval(sample).low for sample in samples)
    high = min(mean_interval(sample, alpha=shared).high for sample in samples)
    return replace(mean_interval(lowest), low=low, high=max(high, lowest.mean))
