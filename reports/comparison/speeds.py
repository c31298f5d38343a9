"""Changes of speed: the ratio of the throughputs of two runs, with an interval, if they were measured alike.

Each trial has a median over windows and their middle 95 %. On a logarithmic scale, the variance of that median is
estimated from the windows (1.57 times that of a mean, as in a normal sample). The variance of the mean over the trials
of one side is estimated from the spread of the trials or from their windows, whichever is larger, because windows of
one process resemble each other more than those of another. The variances of the two sides are added as Welch does
("The generalization of Student's problem when several different population variances are involved", Biometrika, 1947).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from harness.records.keys import measurement_fields
from harness.records.record import Rate, Record
from reports.statistics import student_t
from reports.statistics.multiplicity import CONFIDENCE

MAY_DIFFER = ("torch", "driver")
"""Fields that may differ in a comparison of speeds. Everything else that can change a speed must be the same."""

KINDS = ("train", "inference")

_MEDIAN_OVER_MEAN = math.pi / 2
_MIDDLE_95 = 2 * 1.959964


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeedChange:
    """Images per second of the second run divided by those of the first, compute only."""

    kind: str
    """``train`` or ``inference``."""
    first: float
    """Images per second: geometric mean over trials of the median over windows."""
    second: float
    ratio: float
    low: float
    """Lower end of the 95 % interval of the ratio, without adjustment for other cells."""
    high: float
    standard_error: float
    """Standard error of the logarithm of the ratio."""
    freedom: float

    def p_value(self) -> float:
        """Return the two-sided p-value of "nothing changed"."""
        return min(1.0, 2 * min(self._p_below(0.0), 1 - self._p_below(0.0)))

    def p_slower(self, slowdown: float) -> float:
        """Return twice the one-sided p-value of "it takes at most *slowdown* times as long"."""
        return min(1.0, 2 * self._p_below(-math.log(slowdown)))

    def _p_below(self, log_ratio: float) -> float:
        """Return the one-sided p-value of "the ratio's logarithm is *log_ratio* or more"."""
        reach = math.log(self.ratio) - log_ratio
        if self.standard_error == 0:
            return 0.5 if reach == 0 else float(reach > 0)
        return student_t.cdf(self.freedom, reach / self.standard_error)


def speed_changes(first: Sequence[Record], second: Sequence[Record]) -> tuple[tuple[SpeedChange, ...], str]:
    """Return the changes of speed of one cell, and why there are none; empty if speed was never measured."""
    measured = [[record for record in records if record.speed is not None] for records in (first, second)]
    if not all(measured):
        return (), "" if not any(measured) else "speed was measured on one side only"
    differing = _differing_conditions([*measured[0], *measured[1]])
    if differing:
        return (), f"measured under different conditions: {', '.join(differing)}"
    changes = []
    for kind in KINDS:
        rates = [[rate for record in records if (rate := _rate(record, kind))] for records in measured]
        if all(rates) and len({rate.batch_size for side in rates for rate in side}) == 1:
            changes.append(_change(kind, *rates))
    return tuple(changes), "" if changes else "measured with different batch sizes"


def _rate(record: Record, kind: str) -> Rate | None:
    assert record.speed is not None, "only measured trials come here"
    rate: Rate | None = getattr(record.speed, kind)
    return rate if rate is not None and rate.median > 0 and rate.low > 0 else None


def _differing_conditions(records: Sequence[Record]) -> list[str]:
    """Return the conditions, such as ``device``, in which the trials of both sides do not all agree."""
    values: dict[str, set[str]] = {}
    for record in records:
        try:
            fields = measurement_fields(record.spec, record.environment)
        except KeyError:
            return ["not recorded"]
        assert record.speed is not None, "only measured trials come here"
        for name, value in {**fields, "protocol": record.speed.protocol}.items():
            values.setdefault(name, set()).add(str(value))
    return [name for name, each in values.items() if len(each) > 1 and name not in MAY_DIFFER]


def _change(kind: str, first: Sequence[Rate], second: Sequence[Rate]) -> SpeedChange:
    sides = [_log_mean(rates) for rates in (first, second)]
    (mean1, variance1, freedom1), (mean2, variance2, freedom2) = sides
    variance = variance1 + variance2
    freedom = variance**2 / (variance1**2 / freedom1 + variance2**2 / freedom2) if variance > 0 else 1.0
    error = math.sqrt(variance)
    # Numbers in a foreign record may be absurd; a bound this wide is meaningless, but finite.
    reach = min(student_t.quantile(freedom, (1 + CONFIDENCE) / 2) * error, 100.0)
    log_ratio = mean2 - mean1
    return SpeedChange(
        kind=kind,
        first=math.exp(mean1),
        second=math.exp(mean2),
        ratio=math.exp(log_ratio),
        low=math.exp(log_ratio - reach),
        high=math.exp(log_ratio + reach),
        standard_error=error,
        freedom=freedom,
    )


def _log_mean(rates: Sequence[Rate]) -> tuple[float, float, float]:
    """Return the mean of the logarithms of the medians, its variance, and the variance's degrees of freedom."""
    logs = [math.log(rate.median) for rate in rates]
    of_windows = [
        _MEDIAN_OVER_MEAN * (math.log(rate.high / rate.low) / _MIDDLE_95) ** 2 / rate.windows for rate in rates
    ]
    within = statistics.fmean(of_windows) / len(rates)
    between = statistics.variance(logs) / len(logs) if len(logs) > 1 else 0.0
    if between > within:
        return statistics.fmean(logs), between, len(logs) - 1.0
    return statistics.fmean(logs), within, max(sum(rate.windows - 1.0 for rate in rates), 1.0)
