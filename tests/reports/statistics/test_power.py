"""Power: the minimum detectable difference on cases with a known answer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reports.statistics.paired_tests import pairwise_p_values
from reports.statistics.power import detectable_differences
from reports.statistics.sample import Sample


def test_with_steady_seeds_the_detectable_difference_is_that_of_a_paired_t_test():
    rng = np.random.default_rng(3)
    rows = [(rng.random(4000) < 0.8).astype(float) for _ in range(2)]
    found = detectable_differences([Sample.of(np.tile(row, (3, 1))) for row in rows])[0, 1]
    expected = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * (rows[0] - rows[1]).std() / 4000**0.5
    assert found == pytest.approx(expected, rel=0.03)


def test_a_true_difference_that_is_detectable_is_found_about_four_times_in_five():
    rng = np.random.default_rng(4)

    def row(level):
        return Sample.of((rng.random((5, 1500)) < level + rng.normal(0, 0.005, (5, 1))).astype(float))

    detectable = np.mean([detectable_differences([row(0.8), row(0.8)])[0, 1] for _ in range(40)])
    found = [pairwise_p_values([row(0.8 + detectable), row(0.8)])[0, 1] < 0.05 for _ in range(300)]
    assert 0.7 <= np.mean(found) <= 0.93


def test_more_rows_need_a_larger_difference():
    rng = np.random.default_rng(5)
    samples = [Sample.of((rng.random((3, 500)) < 0.8).astype(float)) for _ in range(6)]
    assert detectable_differences(samples)[0, 1] > detectable_differences(samples[:2])[0, 1]
