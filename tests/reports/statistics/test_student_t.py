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


def test_a_square_exceeds_its_width_at_a_level_if_its_p_value_is_below_it():
    squares = np.linspace(0.0, 100.0, 200)
    parts = [(np.full(200, 0.5), np.full(200, 5.0)), (np.full(200, 0.7), np.linspace(1.0, 3e7, 200))]
    p_values, widths = student_t.p_values_of(squares, parts), student_t.Widths(parts)
    for level in (0.3, 0.05, 1e-3):
        exceeds = squares > widths.at(level)
        assert (exceeds == (p_values < level)).mean() > 0.98  # p-values are interpolated
        assert 0 < exceeds.sum() < 200
        np.testing.assert_array_equal(widths.of(exceeds).at(level), widths.at(level)[exceeds])


@pytest.mark.parametrize("freedom", [1, 3, 11, 12, 15, 18])
def test_a_width_is_the_variance_times_the_squared_quantile(freedom):
    found = student_t.Widths([(np.array([2.0]), np.array([float(freedom)]))]).at(0.01)
    assert found[0] == pytest.approx(2 * stats.t.ppf(0.995, freedom) ** 2)
