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


def p_values_of(squares: Floats, parts: Sequence[tuple[Floats, Floats]]) -> Floats:
    """Return the p-value at which each squared difference equals its variances times their squared t quantiles.

    Degrees of freedom are rounded down to a geometric scale, so that few tables of quantiles are needed.

    Args:
        squares: Squared differences.
        parts: The variances of each difference, with their degrees of freedom.
    """
    known = [(variance, _places(freedom)) for variance, freedom in parts]
    last = max((int(place.max(initial=0)) for _, place in known), default=0)
    table = np.stack([_squared_table(freedom) for freedom in _scale()[: last + 1]])

    def width(step: NDArray[np.int64] | int, some: NDArray[np.intp] | slice) -> Floats:
        total = np.zeros(len(squares))[some]
        for variance, place in known:
            total += variance[some] * table[place[some], step]
        return total

    p_values = np.ones(len(squares))
    wanted = np.flatnonzero(squares > 0)
    squares_W = squares[wanted]
    low, high = np.zeros(len(wanted), dtype=np.int64), np.full(len(wanted), len(_LOG_ALPHAS) - 1)
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


class Widths:
    """Variances times squared t quantiles at any level, for millions of differences.

    Args:
        parts: The variances of each difference, with their degrees of freedom, which are rounded down as in
            :func:`p_values_of`.
    """

    def __init__(self, parts: Sequence[tuple[Floats, Floats]]) -> None:
        self._parts = [(variance, _places(freedom)) for variance, freedom in parts]

    def at(self, alpha: float) -> Floats:
        """Return the squared width of an interval of level ``1 - alpha``: what a squared difference must exceed."""
        from scipy.special import stdtrit

        squares = np.square(stdtrit(np.array(_scale()), alpha / 2))
        total = np.zeros(1)
        for variance, place in self._parts:
            total = total + variance * squares[place]
        return total

    def of(self, mask: NDArray[np.bool_]) -> Widths:
        """Return those of some differences."""
        some = Widths(())
        some._parts = [(variance[mask], place[mask]) for variance, place in self._parts]
        return some


@cache
def _scale() -> tuple[float, ...]:
    """Return the degrees of freedom that have a table: all up to 11, then a quarter more each time."""
    return (*map(float, range(1, 12)), *(float(int(12 * 1.25**step)) for step in range(80)))


@cache
def _place_of_each(most: int) -> NDArray[np.int16]:
    return (np.searchsorted(_scale(), np.arange(most + 1), side="right") - 1).clip(0).astype(np.int16)


def _places(freedom: Floats) -> NDArray[np.int16]:
    """Return where on the scale each freedom stands."""
    most = int(min(freedom.max(initial=1.0), 1e6))
    places: NDArray[np.int16] = _place_of_each(1 << most.bit_length())[np.minimum(freedom, most).astype(np.int32)]
    return places
