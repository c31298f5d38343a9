"""Context: what was not compared, and which settings and environments differ."""

from __future__ import annotations

from reports.comparison.difference import Difference, compare
from reports.render.difference import render_difference


def only(difference: Difference):
    (cell,) = difference.cells
    return cell


def test_seeds_of_one_side_only_are_named_and_the_shared_ones_paired(side):
    difference = compare(side("a", seeds=3), side("b", seeds=5))
    accuracy = only(difference).accuracy
    assert accuracy.is_paired_by_seed
    assert only(difference).seeds == (0, 1, 2)
    assert difference.notes == ("net · toy · sgd: only B has seeds 3, 4",)


def test_a_differing_setting_is_reported_and_the_row_stays_the_same(side):
    difference = compare(side("a"), side("b", hyperparameters={"lr": 0.05}))
    assert only(difference).accuracy is not None
    (field,) = difference.fields
    assert (field.field, field.first, field.second) == ("hyperparameters.lr", ("0.1",), ("0.05",))
    assert "hyperparameters.lr: 0.1 → 0.05" in render_difference(difference, "markdown")
