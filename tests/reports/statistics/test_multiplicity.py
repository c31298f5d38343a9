"""Holm's method and the level of several looks."""

from __future__ import annotations

import numpy as np
import pytest

from reports.statistics.multiplicity import alpha_of_look, holm, holm_level


def test_holm_agrees_with_a_case_worked_by_hand():
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]


def test_the_smallest_p_values_are_adjusted_for_all_hypotheses():
    assert holm(np.array([0.001, 0.002]), total=10).tolist() == pytest.approx([0.01, 0.018])


def test_looks_share_the_level():
    assert alpha_of_look(1) == pytest.approx(0.05)
    assert 5 * alpha_of_look(5) == pytest.approx(0.05)


@pytest.mark.parametrize("more", [0, 40])
def test_what_holms_method_rejects_is_what_its_p_values_say(more):
    rng = np.random.default_rng(0)
    for _ in range(200):
        p_values = np.minimum(rng.exponential(0.02, rng.integers(1, 30)) * rng.choice([0.05, 0.3, 1.0]), 1.0)
        total = len(p_values) + more
        level = holm_level(lambda level: int((p_values < level).sum()), 0.05, total=total)  # noqa: B023
        np.testing.assert_array_equal(p_values < level, holm(p_values, total=total) < 0.05)


def test_holms_level_is_the_whole_one_once_only_one_hypothesis_is_left():
    assert holm_level(lambda level: 3, 0.05, total=4) == pytest.approx(0.05)
    assert holm_level(lambda level: 0, 0.05, total=4) == pytest.approx(0.0125)
    assert holm_level(lambda level: 0, 0.05, total=0) == 0.0
