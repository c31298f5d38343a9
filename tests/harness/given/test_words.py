"""Words: names are compared as they are meant, and shown in part."""

from __future__ import annotations

from harness.given.words import plain_names, shown, whole_numbers


def test_names_are_compared_without_case_and_separators() -> None:
    assert plain_names(["Honey_Bee", "ant"]) == {"honeybee": "Honey_Bee", "ant": "ant"}
    assert plain_names(["a b", "a_b", "c"]) == {}


def test_whole_numbers_lose_their_decimals_if_all_are_such() -> None:
    assert whole_numbers(["3.0", "10.00"]) == ["3", "10"]
    assert whole_numbers(["3.0", "x"]) == ["3.0", "x"]
    assert whole_numbers([]) == []


def test_the_first_words_are_shown() -> None:
    assert shown(["a", 1]) == "'a', '1'"
    assert shown("abcd") == "'a', 'b', 'c' …"
