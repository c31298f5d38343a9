"""Separations: which rows of a table are tied with which, pair by pair, in the order of the table.

Ranges of ranks cannot tell: two ranges may overlap although the test of these two rows separates them. Rows stand in
the order of their means, so those that are tied with one are mostly neighbours, and a few runs of positions name them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Run = tuple[int, int]
"""First and last position of rows that follow each other."""


def tied_runs(above_MM: NDArray[np.bool_], order: Sequence[int]) -> tuple[tuple[Run, ...], ...]:
    """Return for each row the runs of rows that no test separates from it, itself included.

    Args:
        above_MM: Whether each row is above each column (:func:`reports.statistics.ranks.separated`).
        order: Rows in the order of the table; positions count in this order.
    """
    if not len(order):
        return ()
    tied_MM = ~(above_MM | above_MM.T)[np.ix_(order, order)]
    return tuple(_runs(tied_M) for tied_M in tied_MM)


def is_tied(runs: Sequence[Run], position: int) -> bool:
    """Return whether the row at *position* is in one of *runs*."""
    return any(first <= position <= last for first, last in runs)


def _runs(tied_M: NDArray[np.bool_]) -> tuple[Run, ...]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], tied_M, [False]]).astype(np.int8)))
    return tuple((int(first), int(end) - 1) for first, end in edges.reshape(-1, 2))
