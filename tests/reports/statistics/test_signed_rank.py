"""Wilcoxon's signed-rank test agrees with SciPy's and with all sign patterns, and is calibrated."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from reports.statistics.signed_rank import datasets_needed, separated_over_data, signed_rank_p_value


@pytest.mark.parametrize("num_data", [3, 6, 10, 25, 50])
def test_without_ties_it_is_scipys_exact_test(num_data):
    rng = np.random.default_rng(num_data)
    for _ in range(20):
        differences = rng.normal(0.4, 1, num_data)
        expected = stats.wilcoxon(differences, method="exact").pvalue
        assert signed_rank_p_value(differences) == pytest.approx(expected, rel=1e-9)


def test_with_ties_and_zeros_it_counts_all_patterns_of_signs():
    rng = np.random.default_rng(0)
    for _ in range(20):
        differences = rng.integers(-3, 5, 8).astype(float)
        sizes = np.abs(differences[differences != 0])
        ranks = stats.rankdata(sizes)
        observed = abs((np.sign(differences[differences != 0]) * ranks).sum())
        sums = [abs((np.array(signs) * ranks).sum()) for signs in itertools.product((-1, 1), repeat=len(sizes))]
        assert signed_rank_p_value(differences) == pytest.approx(np.mean(np.array(sums) >= observed - 1e-9))


def test_many_datasets_have_the_normal_approximation_of_scipy():
    differences = np.random.default_rng(1).normal(0.2, 1, 120)
    expected = stats.wilcoxon(differences, method="asymptotic", correction=True).pvalue
    assert signed_rank_p_value(differences) == pytest.approx(expected, rel=1e-6)


def test_equal_rows_have_p_1():
    assert signed_rank_p_value(np.zeros(9)) == 1.0


def test_rows_that_win_everywhere_are_separated_once_there_are_enough_datasets():
    assert [datasets_needed(rows) for rows in (2, 3, 5, 12)] == [6, 7, 9, 12]
    rng = np.random.default_rng(0)
    for num_data in (6, 7, 8):
        values = rng.normal(size=(num_data, 1)) + np.array([3.0, 2.0, 1.0])
        above = separated_over_data(values)
        assert above.any() == (num_data >= 7)
    assert above.tolist() == [[False, True, True], [False, False, True], [False, False, False]]


def test_the_result_of_a_pair_does_not_depend_on_the_values_of_other_rows():
    """Mean ranks let a third row decide between two."""
    rng = np.random.default_rng(2)
    pair = rng.normal(size=(12, 2)) + np.array([2.5, 0.0])
    found = {
        bool(separated_over_data(np.column_stack([pair, rng.normal(place, 1, 12)]))[0, 1]) for place in (-5, 0, 1, 2, 9)
    }
    assert found == {True}


@pytest.mark.parametrize("num_data", [8, 15])
def test_equal_rows_are_separated_in_at_most_5_of_100_sets(num_data):
    rng = np.random.default_rng(3)
    wrong = sum(separated_over_data(rng.standard_t(3, size=(num_data, 4))).any() for _ in range(300))
    assert wrong / 300 <= 0.05 + 0.02
