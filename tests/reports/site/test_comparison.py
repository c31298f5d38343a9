"""Comparison: the correctness of rows image by image, and the difference of each pair."""

from __future__ import annotations

import pytest

from reports.leaderboard.building import build_leaderboard
from reports.site.comparison import comparison_data
from reports.site.entries import entries_of
from reports.trials.evidence import read_evidence


def compared(trials):
    entries = entries_of(build_leaderboard(trials), trials)
    return comparison_data(entries, {entry.id: read_evidence(entry.done) for entry in entries}, lambda sample: None)


def test_digits_count_the_seeds_that_are_right_on_each_image(make_trials):
    data = compared([*make_trials("a", accuracy=0.9), *make_trials("b", accuracy=0.5)])
    first, second = data["rows"]
    assert (first["label"], first["seeds"], len(first["right"])) == ("a", 3, 400)
    assert sum(int(digit) for digit in first["right"]) == pytest.approx(3 * 360)
    assert sum(int(digit) for digit in second["right"]) == pytest.approx(3 * 200)
    ((difference, low, high, _, separated),) = data["pairs"]
    assert difference == pytest.approx(0.4)
    assert low < 0.4 < high
    assert separated == 1
    assert data["images"] == []


def test_a_row_without_predictions_is_left_out_by_name(make_trials, make_trial):
    data = compared([*make_trials("a"), *make_trials("b"), make_trial("blind", predictions=False)])
    assert [row["label"] for row in data["rows"]] == ["a", "b"]
    assert data["left_out"] == ["blind"]


def test_without_any_predictions_there_is_nothing_to_compare(make_trial):
    data = compared([make_trial(predictions=False)])
    assert (data["rows"], data["pairs"], data["left_out"]) == ([], [], ["net"])
