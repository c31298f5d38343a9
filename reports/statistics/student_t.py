"""Student's t: quantiles and probabilities. SciPy is imported only when one is computed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LOG_ALPHAS = np.linspace(0.0, -16.0, 161)  # base 10: from p = 1 down


@cache
def quantile(freedom: float, probability: float) -> float:
    """Return the value below which a t variable lies with *probability*."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))


def cdf(freedom: float, value: float) -> float:
    """Return the probability that a t variable lies below *value*."""
    from scipy.special import stdtr

    return float(stdtr(freedom, value))


def squared_quantile(freedom: float, alpha: float) -> float:
    """Return the square of the two-sided critical value at level *alpha*."""
    return quantile(freedom, alpha / 2) ** 2


@cache
def _squared_table(freedom: float) -> Floats:
    from scipy.special import stdtrit

    table: Floats = np.square(stdtrit(freedom, 10.0**_LOG_ALPHAS / 2))
    return table


def p_values_of(
    squares: Floats, parts: Sequence[tuple[Floats, Floats]], *, between: tuple[float, float] = (0.0, 1.0)
) -> Floats:
    """Return the p-value at which each squared difference equals its variances times their squared t quantiles.

    Degrees of freedom are rounded down to a geometric scale, so that few tables of quantiles are needed.

    Args:
        squares: Squared differences.
        parts: The variances of each difference, with their degrees of freedom.
        between: P-values are exact between these bounds. Those above are reported as 1, those below as 0.
    """
    known = [(variance, *_tables(freedom)) for variance, freedom in parts]

    def width(step: NDArray[np.int64] | int, some: NDArray[np.intp] | slice) -> Floats:
        total = np.zeros(len(squares))[some]
        for variance, table, place in known:
            total += variance[some] * table[place[some], step]
        return total

    p_values = np.ones(len(squares))
    last = len(_LOG_ALPHAS) - 1
    # The next steps outside the bounds, so that the same interpolation decides on either side of a bound.
    from_step, to_step = 0, last
    possible = squares > 0
    if between != (0.0, 1.0):
        lowest, highest = np.log10(between)
        from_step = max(int(np.searchsorted(-_LOG_ALPHAS, -highest, side="right")) - 1, 0)
        to_step = min(int(np.searchsorted(-_LOG_ALPHAS, -lowest, side="left")), last)
        possible &= squares > width(from_step, slice(None))
        surely = squares > width(to_step, slice(None))
        if to_step < last:
            p_values[surely] = 0.0
            possible &= ~surely
    wanted = np.flatnonzero(possible)
    squares_W = squares[wanted]
    low, high = np.full(len(wanted), from_step), np.full(len(wanted), to_step)
    while (high - low > 1).any():
        middle = (low + high) // 2
        exceeds = squares_W > width(middle, wanted)
        low, high = np.where(exceeds, middle, low), np.where(exceeds, high, middle)
    at_low, at_high = width(low, wanted), width(high, wanted)
    gap = at_high - at_low
    share = np.divide(squares_W - at_low, gap, out=np.zeros_like(squares_W), where=gap > 0)
    log_p = _LOG_ALPHAS[low] + np.clip(share, 0, 1) * (_LOG_ALPHAS[high] - _LOG_ALPHAS[low])
    p_values[wanted] = 10.0**log_p
    return p_values


def _tables(freedom: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Return a table of squared t quantiles, one row for each step of the scale, and the row of each freedom."""
    whole = np.floor(freedom)
    power = np.floor(np.log(np.maximum(freedom, 12) / 12) / np.log(1.25))
    place = np.where(freedom < 12, whole - 1, 11 + power).astype(np.intp)
    scale = [*range(1, 12), *(int(12 * 1.25**step) for step in range(max(int(place.max(initial=0)) - 10, 0)))]
    return np.stack([_squared_table(float(each)) for each in scale]), place
