"""The seeds of a row at each look."""

from __future__ import annotations

import pytest

from harness.records.seed_schedule import seed_counts


@pytest.mark.parametrize(
    ("at_most", "counts"),
    [(1, (1,)), (3, (3,)), (4, (3, 4)), (10, (3, 5, 8, 10)), (20, (3, 5, 8, 12, 18, 20))],
)
def test_seeds_grow_by_half_up_to_the_maximum(at_most: int, counts: tuple[int, ...]) -> None:
    assert seed_counts(at_most) == counts
