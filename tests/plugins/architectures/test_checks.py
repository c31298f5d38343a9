"""Option values out of range are refused in one sentence."""

from __future__ import annotations

import pytest

from plugins.architectures.checks import count, positive, share
from zoo.errors import UsageError


@pytest.mark.parametrize("value", [0, 0.0, 0.5, 0.999])
def test_a_share_is_at_least_0_and_below_1(value):
    assert share({"drop_rate": value}, "drop_rate") == value


@pytest.mark.parametrize("value", [1, 1.0, -0.1, float("nan"), True, "0.5", None])
def test_other_values_are_not_shares(value):
    with pytest.raises(UsageError, match=r"^model\.drop_rate must be a number of at least 0 and below 1, got "):
        share({"drop_rate": value}, "drop_rate")


def test_a_count_is_an_integer_of_at_least_1():
    assert count({"width": 1}, "width") == 1
    for value in (0, -1, 2.5, 2.0, True, "2", None):
        with pytest.raises(UsageError, match=r"^model\.width must be an integer of at least 1, got "):
            count({"width": value}, "width")


def test_a_positive_number_is_finite_and_above_0():
    assert positive({"width": 0.25}, "width") == 0.25
    assert isinstance(positive({"width": 2}, "width"), float)
    for value in (0, -1.0, float("inf"), float("nan"), True, "1", None):
        with pytest.raises(UsageError, match=r"^model\.width must be a number above 0, got "):
            positive({"width": value}, "width")
