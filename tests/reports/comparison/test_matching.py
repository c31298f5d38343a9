"""Matching: which rows of two sets are the same cell."""

from __future__ import annotations

from reports.comparison.difference import Difference, compare
from reports.render.difference import render_difference


def only(difference: Difference):
    (cell,) = difference.cells
    return cell


def test_cells_of_one_side_only_are_counted_and_listed(side):
    difference = compare([*side("a"), *side("a", "gone")], [*side("b"), *side("b", "new")])
    assert only(difference).model == "net"
    assert difference.only_first == ("gone · toy · sgd",)
    assert difference.only_second == ("new · toy · sgd",)
    text = render_difference(difference, "table")
    assert "1 only in A" in text
    assert "only in B (1)\n  new · toy · sgd" in text


def test_other_images_under_the_same_name_are_never_compared(side):
    difference = compare(side("a"), side("b", fingerprint="a" * 64))
    assert difference.cells == ()
    assert difference.only_first == difference.only_second == ()
    assert difference.notes == (
        "net · toy · sgd is not compared: its images differ (content ffffffffffff in A, aaaaaaaaaaaa in B)",
    )


def test_settings_that_both_sides_have_are_matched_with_their_like(side):
    before = [trial for lr in (0.1, 0.2) for trial in side("a", hyperparameters={"lr": lr}, accuracy=1 - lr)]
    after = [trial for lr in (0.2, 0.1) for trial in side("b", hyperparameters={"lr": lr}, accuracy=1 - lr)]
    difference = compare(before, after)
    assert [cell.recipe for cell in difference.cells] == ["sgd (lr=0.1)", "sgd (lr=0.2)"]
    assert [cell.accuracy.change for cell in difference.cells] == [0, 0]


def test_a_cell_that_could_be_held_against_several_is_not_compared(side):
    after = [trial for lr in (0.2, 0.3) for trial in side("b", hyperparameters={"lr": lr})]
    difference = compare(side("a"), after)
    assert difference.cells == difference.only_first == difference.only_second == ()
    assert len(difference.notes) == 3
    assert all("the match with the other side is ambiguous" in note for note in difference.notes)
