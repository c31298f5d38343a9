"""Columns, conditions and orders of ``zoo list models``."""

from __future__ import annotations

import pytest

from zoo.cli.display.model_columns import Condition, check_columns, ordered, shown
from zoo.errors import UnknownNameError, UsageError


@pytest.mark.parametrize(
    ("text", "params", "holds"),
    [
        ("params<5M", 4_999_999, True),
        ("params<5M", 5_000_000, False),
        ("params<=5e6", 5_000_000, True),
        ("params >= 0.5k", 500, True),
        ("params>1G", None, False),  # not known
    ],
)
def test_a_condition_holds_or_not(text: str, params: int | None, holds: bool) -> None:
    assert Condition.parse(text).holds({"params": params}) == holds


@pytest.mark.parametrize(
    "text", ["params", "params<", "name<5", "params<5X", "<5", "params<5M and px>3", "px<1.2.3", "px<."]
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected a condition such as params<5M"):
        Condition.parse(text)


def test_numbers_ascend_published_accuracies_descend_and_unknown_ones_are_last() -> None:
    rows = [{"params": value, "published": value} for value in (None, 2, 10, 1)]
    assert [row["params"] for row in ordered(rows, "params")] == [1, 2, 10, None]
    assert [row["published"] for row in ordered(rows, "published")] == [10, 2, 1, None]


def test_a_column_that_does_not_exist_gets_near_names() -> None:
    check_columns(["name", "macs"], option="--columns")
    with pytest.raises(UnknownNameError, match="did you mean 'params'"):
        check_columns(["parms"], option="--columns")


def test_cells_are_exact_numbers_or_empty() -> None:
    assert [shown("params", 1_234_567), shown("macs", None), shown("published", 69.758), shown("px", 32)] == [
        "1,234,567", "", "69.758", "32",
    ]  # fmt: skip
