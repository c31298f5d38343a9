"""The rates of a range test rise by the same factor at each step, from one end to the other."""

from __future__ import annotations

from itertools import pairwise

import pytest

from harness.planning.rising_rates import HIGHEST, LOWEST, STEPS, rising_rates


def test_about_thirty_steps_for_each_power_of_ten() -> None:
    rates = rising_rates()
    assert len(rates) == STEPS == 200
    assert rates[0] == LOWEST == 1e-6
    assert rates[-1] == pytest.approx(HIGHEST)
    assert sum(0.01 <= rate < 0.1 for rate in rates) == 29


def test_the_ends_and_the_number_of_steps_can_be_given() -> None:
    assert rising_rates(0.01, 100, 5) == pytest.approx([0.01, 0.1, 1, 10, 100])
    assert {round(after / before, 9) for before, after in pairwise(rising_rates(0.5, 8, 5))} == {2.0}
