"""Holm's method and the level of several looks."""

from __future__ import annotations

import numpy as np
import pytest

from reports.statistics.multiplicity import alpha_of_look, holm


def test_holm_agrees_with_a_case_worked_by_hand():
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]


def test_the_smallest_p_values_are_adjusted_for_all_hypotheses():
    assert holm(np.array([0.001, 0.002]), total=10).tolist() == pytest.approx([0.01, 0.018])


def test_looks_share_the_level():
    assert alpha_of_look(1) == pytest.approx(0.05)
    assert 5 * alpha_of_look(5) == pytest.approx(0.05)
