"""Footnotes: what is explained below a table."""

from __future__ import annotations

import csv
import io
import json

import pytest

from harness.records.record import FailureKind, Outcome
from reports.leaderboard.all_columns import choose_columns
from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.remarks.footnotes import legend, table_notes
from reports.render.writing import render


@pytest.fixture
def two_rows(make_trials):
    return build_leaderboard(
        [
            *make_trials("resnet18", accuracy=0.974, params=11_173_962, macs=41_000_000, small=True),
            *make_trials("lenet5", accuracy=0.80, params=61_706),
        ]
    )


@pytest.mark.parametrize("format_name", ["table", "markdown", "latex"])
def test_tables_explain_their_numbers(two_rows, format_name):
    text = " ".join(render(two_rows, format_name).split())
    assert "standard deviation over seeds (3 per row)" in text
    assert "interval: for the expected accuracy over new seeds and new test images" in text
    assert "all rows are separated" in text
    assert "early strides reduced" in text


def test_failures_are_shown_with_their_reason_and_never_as_a_score_of_zero(make_trial, make_trials):
    leaderboard = build_leaderboard(
        [
            *make_trials("good", seeds=2),
            make_trial("bad", seed=0, outcome=Outcome.FAILED, failure=(FailureKind.OOM, "the device is full")),
        ]
    )
    for format_name in ("table", "markdown", "latex"):
        text = render(leaderboard, format_name)
        assert "1 trial failed: oom: the device is full (bad, seed 0)" in text
        assert "1 failed, 1 missing" in text
    cells = json.loads(render(leaderboard, "json"))["tables"][0]["rows"][1]["cells"]
    assert (cells["accuracy"], cells["rank_low"], cells["seeds"]) == (None, None, 0)
    assert list(csv.DictReader(io.StringIO(render(leaderboard, "csv"))))[1]["accuracy"] == ""


def test_signs_that_are_not_shown_are_not_explained(make_trial):
    notes = legend(
        choose_columns(build_leaderboard([make_trial()]), ["model", "accuracy"]), build_leaderboard([make_trial("b")])
    )
    assert not [note for note in notes if note.startswith(("±", "*", "§", "‡", "ranks", "95 %"))]


def test_a_note_says_that_rows_with_shared_ranks_are_ordered_by_mean(make_trials):
    leaderboard = build_leaderboard([*make_trials("a", accuracy=0.8), *make_trials("b", accuracy=0.8025)])
    notes = legend(choose_columns(leaderboard), leaderboard)
    assert any("cannot be separated share a range, are shaded, and are ordered by mean" in note for note in notes)


def test_a_plain_order_is_marked_as_such(make_trials):
    leaderboard = build_leaderboard([*make_trials("a"), *make_trials("b")], sort_by="params")
    notes = legend(choose_columns(leaderboard), leaderboard)
    assert "ranks: in the order of params, which has no noise" in notes


def test_test_images_opened_for_many_trials_are_counted_with_the_optimism_of_the_best_row(make_trial):
    trials = [
        make_trial(f"net{place}", seed=seed, accuracy=0.8, num_test=60) for place in range(7) for seed in range(3)
    ]
    leaderboard = build_leaderboard(trials)
    (table,) = leaderboard.tables
    assert table.openings == 21
    assert 0.0 < table.optimism < 0.1
    said = f"the best row is expected to look {100 * table.optimism:.1f} points better than it is"
    notes = table_notes(table, choose_columns(leaderboard), leaderboard)
    assert f"the test images were opened for 21 trials of 7 rows; {said}" in notes
    few = build_leaderboard(trials[:6])
    assert not any("opened" in note for note in table_notes(few.tables[0], choose_columns(few), few))


def test_a_note_says_how_far_the_windows_of_speeds_spread_at_most(make_trials) -> None:
    leaderboard = build_leaderboard(make_trials("a"))
    (note,) = [
        note
        for note in legend(choose_columns(leaderboard, ["model", "inference_speed"]), leaderboard)
        if "windows" in note
    ]
    assert note == (
        "speeds are medians of timed windows over the seeds; the middle 95 % of the windows of each row lie within "
        "infer img/s −10 to +10 % of it"
    )
    unmeasured = build_leaderboard(make_trials("b", speed=None))
    assert not [note for note in legend(choose_columns(unmeasured), unmeasured) if "windows" in note]
