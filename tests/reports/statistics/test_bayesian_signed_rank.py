"""The Bayesian signed-rank test: by another route, against Wilcoxon's test, and on differences of known size."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reports.statistics.bayesian_signed_rank import PRIOR_STRENGTH, equivalence_chances


def chances_by_loops(differences, rope, draws=3000):
    """Return the three probabilities as the tutorial defines them, with weights from gamma variables."""
    rng = np.random.default_rng(7)
    values = [0.0, *differences]
    counts = np.zeros(3)
    for _ in range(draws):
        weights = rng.gamma([PRIOR_STRENGTH, *[1.0] * len(differences)])
        weights /= weights.sum()
        shares = np.zeros(3)
        for one, of_one in zip(values, weights, strict=True):
            for other, of_other in zip(values, weights, strict=True):
                total = one + other
                shares[0 if total > 2 * rope else 2 if total < -2 * rope else 1] += of_one * of_other
        counts[shares.argmax()] += 1
    return counts / draws


@pytest.mark.parametrize("shift", [-0.01, 0.0, 0.008])
@pytest.mark.parametrize("num_data", [3, 8])
def test_another_route_gives_the_same_probabilities(num_data, shift):
    differences = np.random.default_rng(num_data).normal(shift, 0.01, num_data)
    found = equivalence_chances(differences, 0.005)
    assert found.better + found.same + found.worse == pytest.approx(1)
    assert [found.better, found.same, found.worse] == pytest.approx(chances_by_loops(differences, 0.005), abs=0.035)


def test_without_a_region_the_chance_of_better_is_near_the_one_sided_p_value_of_wilcoxon():
    rng = np.random.default_rng(0)
    for _ in range(15):
        differences = rng.normal(rng.normal(0, 0.3), 1, 30)
        p_value = stats.wilcoxon(differences, alternative="greater").pvalue
        assert equivalence_chances(differences, 0.0).better == pytest.approx(1 - p_value, abs=0.05)


def test_swapping_the_rows_swaps_better_and_worse():
    differences = np.random.default_rng(1).normal(0.01, 0.02, 7)
    one, other = equivalence_chances(differences, 0.01), equivalence_chances(-differences, 0.01)
    assert (one.better, one.same, one.worse) == pytest.approx((other.worse, other.same, other.better), abs=0.02)


def test_differences_far_outside_or_inside_the_region_leave_little_doubt():
    assert equivalence_chances(np.full(6, 0.03), 0.01).better > 0.95
    assert equivalence_chances(np.full(6, 0.001), 0.01).same > 0.999
    assert equivalence_chances(np.full(6, 0.01), 0.01).same > 0.999  # at its limit


def test_a_single_dataset_is_answered_with_doubt():
    assert 0.5 < equivalence_chances(np.array([0.03]), 0.01).better < 0.95


@pytest.mark.parametrize("num_data", [6, 15])
def test_rows_of_one_truth_are_rarely_said_to_differ(num_data):
    """The differences between datasets are as large as the region; nine in ten true means would be within it."""
    rng = np.random.default_rng(4)
    found = [equivalence_chances(rng.normal(0, 0.01, num_data), 0.01) for _ in range(100)]
    assert np.mean([max(each.better, each.worse) > 0.95 for each in found]) <= 0.02
    assert np.mean([each.same > 0.5 for each in found]) >= 0.75


@pytest.mark.parametrize(("differences", "rope"), [([], 0.01), ([0.1], -0.01)])
def test_what_cannot_be_answered_is_refused(differences, rope):
    with pytest.raises(ValueError, match="region"):
        equivalence_chances(np.array(differences), rope)
