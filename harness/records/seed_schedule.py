"""Seeding: how many seeds rows have when their ranks are looked at, where seeds are added only as ranks need them.

There are few looks, because each costs some of the level of the tests (see
:func:`reports.statistics.multiplicity.alpha_of_look`): the number of seeds grows by half from one look to the next.
"""

from __future__ import annotations

import math

FIRST_SEEDS = 3
"""Seeds before the first look. With two, the variance between seeds has one degree of freedom: its t quantile at 1 % is
64, that of three seeds is 10, so that a first look at two would tell nothing apart and only use up its level."""

MAX_SEEDS = 10
"""Seeds of a row at most, unless said otherwise."""

_GROWTH = 1.5


def seed_counts(at_most: int) -> tuple[int, ...]:
    """Return how many seeds a row has at each look: 3, 5, 8 and 10 for at most 10."""
    counts = [min(FIRST_SEEDS, at_most)]
    while counts[-1] < at_most:
        counts.append(min(math.ceil(counts[-1] * _GROWTH), at_most))
    return tuple(counts)
