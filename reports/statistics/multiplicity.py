"""Multiplicity: the level of tests, shared by all pairs of a table and by all looks at it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
ALPHA = 1 - CONFIDENCE
"""Level of the tests, over all pairs of a table and all looks at it together."""

Floats = NDArray[np.float64]


def holm(p_values: Floats, *, total: int | None = None) -> Floats:
    """Return p-values adjusted for their number by Holm's method (1979), which bounds the chance of any false finding.

    Args:
        p_values: P-values of all hypotheses, or of those with the smallest ones.
        total: Number of hypotheses; by default the number of p-values.
    """
    order = np.argsort(p_values, kind="stable")
    total = len(p_values) if total is None else total
    scaled = p_values[order] * (total - np.arange(len(p_values)))
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted


def holm_level(num_below: Callable[[float], int], alpha: float, *, total: int) -> float:
    """Return the level below which Holm's method rejects p-values, without computing or sorting millions of them.

    With k rejected, the next level is alpha over the number of the others. All p-values below it are rejected as well,
    since the levels after it are higher; this is repeated until none is added.

    Args:
        num_below: Returns how many hypotheses have p-values below a level.
        alpha: Level over all hypotheses.
        total: Number of hypotheses.
    """
    rejected, level = 0, 0.0
    while rejected < total:
        level = alpha / (total - rejected)
        found = num_below(level)
        if found == rejected:
            break
        rejected = found
    return level


def alpha_of_look(looks: int) -> float:
    """Return the level of each of *looks* looks at a table to which seeds are added until its rows are separated.

    Looking several times and stopping at the first difference finds differences that do not exist more often than one
    look does (Armitage, McPherson and Rowe, "Repeated significance tests on accumulating data", 1969). The level is
    divided evenly among the looks, so that by Bonferroni's inequality 5 % holds whenever one stops.
    """
    return ALPHA / looks
