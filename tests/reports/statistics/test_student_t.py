"""Student's t against SciPy's distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reports.statistics import student_t


@pytest.mark.parametrize("freedom", [1, 2.5, 10, 400])
def test_quantiles_and_probabilities_are_those_of_the_distribution(freedom):
    assert student_t.quantile(freedom, 0.975) == pytest.approx(stats.t.ppf(0.975, freedom))
    assert student_t.cdf(freedom, 1.7) == pytest.approx(stats.t.cdf(1.7, freedom))
    assert student_t.squared_quantile(freedom, 0.05) == pytest.approx(stats.t.ppf(0.975, freedom) ** 2)


@pytest.mark.parametrize("freedom", [1, 4, 11])
@pytest.mark.parametrize("statistic", [0.7, 1.0, 2.3, 8.0])
def test_with_one_part_the_p_value_is_that_of_a_t_test(freedom, statistic):
    p_values = student_t.p_values_of(np.array([statistic**2]), [(np.ones(1), np.array([float(freedom)]))])
    assert p_values[0] == pytest.approx(2 * stats.t.sf(statistic, freedom), rel=0.01)


def test_between_bounds_p_values_are_the_same_as_without_them():
    squares = np.linspace(0.0, 30.0, 200)
    parts = [(np.full(200, 0.5), np.full(200, 5.0)), (np.full(200, 0.7), np.full(200, 3.0))]
    exact = student_t.p_values_of(squares, parts)
    bounded = student_t.p_values_of(squares, parts, between=(0.01, 0.05))
    inside = (exact > 0.01) & (exact < 0.05)
    assert inside.sum() > 10
    assert np.array_equal(bounded[inside], exact[inside])
    assert (bounded[exact < 0.005] == 0).all()
    assert (bounded[exact > 0.1] == 1).all()
