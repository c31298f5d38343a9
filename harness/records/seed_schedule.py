"""The seed schedule: the number of seeds of each row at each look, if seeds are added as ranks need them.

There are few looks, because each uses up some of the tests' error level (see
:func:`reports.statistics.multiplicity.alpha_of_look`). The number of seeds grows by half from one look to the next.
Plans and reports read it, and ``records`` is the highest room that both may import.
"""

from __future__ import annotations

import math

FIRST_SEEDS = 3
"""Number of seeds at the first look. With two, the variance between seeds has one degree of freedom, and a t quantile
of 64 at 1 % (10 with three seeds), so a look at two seeds would separate nothing and only use up its error level."""

MAX_SEEDS = 10
"""Default maximum number of seeds per row."""

_GROWTH = 1.5


def seed_counts(at_most: int) -> tuple[int, ...]:
    """Return the number of seeds per row at each look: 3, 5, 8 and 10 for at most 10."""
    counts = [min(FIRST_SEEDS, at_most)]
    while counts[-1] < at_most:
        counts.append(min(math.ceil(counts[-1] * _GROWTH), at_most))
    return tuple(counts)
