"""Text that fits the width of a terminal."""

from __future__ import annotations

from reports.render.fitting import cut_names, fitting_columns, wrapped


def test_the_columns_with_the_highest_priority_numbers_are_left_out_until_the_line_fits():
    assert fitting_columns([10, 5, 5, 5], [0, 2, 3, 1], 31) == [0, 1, 2, 3]
    assert fitting_columns([10, 5, 5, 5], [0, 2, 3, 1], 30) == [0, 1, 3]
    assert fitting_columns([10, 5, 5, 5], [0, 2, 3, 1], 23) == [0, 3]
    assert fitting_columns([10, 5, 5, 5], [0, 2, 3, 1], 1) == [0], "what has no priority number stays"
    assert fitting_columns([10, 5], [0, 1], None) == [0, 1]


def test_only_names_are_cut_the_longest_first_and_not_to_nothing():
    assert cut_names([20, 10, 5], [0, 1], 29) == [10, 10, 5]
    assert cut_names([20, 10, 5], [0], 10) == [6, 10, 5]
    assert cut_names([20, 10, 5], [0, 1], None) == [20, 10, 5]


def test_a_sentence_is_broken_between_words_only():
    path = "/a/path/that/is-longer/than/a/line"
    assert wrapped(f"see the well-known {path} there", 20, indent=" ", hanging="   ") == [
        " see the well-known",
        f"   {path}",
        "   there",
    ]
    assert wrapped("one line " * 20, None, indent=" ") == [" " + "one line " * 20]
