"""The expected best of k draws, against every possible draw."""

from __future__ import annotations

from itertools import product

import pytest

from reports.statistics.expected_best import expected_best


@pytest.mark.parametrize("values", [[0.5], [0.9, 0.1], [0.2, 0.2, 0.8], [0.7, 0.1, 0.4, 0.4]])
def test_it_is_the_mean_of_the_maximum_over_all_draws(values: list[float]) -> None:
    for draws, found in enumerate(expected_best(values), start=1):
        every = [max(drawn) for drawn in product(values, repeat=draws)]
        assert found == pytest.approx(sum(every) / len(every))


def test_it_grows_with_the_number_of_trials_and_stays_below_the_best() -> None:
    found = expected_best([0.1, 0.6, 0.3, 0.9, 0.5])
    assert found == sorted(found)
    assert found[0] == pytest.approx(0.48)
    assert found[-1] < 0.9
    assert expected_best([]) == []
