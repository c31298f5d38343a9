"""The overall table: rows compared over several datasets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import reports
from harness.records.record import FailureKind, Outcome
from reports.leaderboard.all_columns import choose_columns
from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.overall import MIN_DATASETS, _intervals
from reports.leaderboard.overall_text import overall_columns, overall_notes
from reports.render.terminal import terminal_text
from reports.render.writing import render


def test_rows_are_ranked_on_each_dataset_and_ranks_averaged(on_datasets):
    overall = build_leaderboard(on_datasets(3)).overall
    assert overall.data == ("set0", "set1", "set2")
    assert [(row.model, row.ranks) for row in overall.rows] == [
        ("a", (1.0, 2.0, 1.0)),
        ("b", (2.0, 1.0, 2.0)),
        ("c", (3.0, 3.0, 3.0)),
    ]
    assert [row.mean_rank for row in overall.rows] == pytest.approx([4 / 3, 5 / 3, 3.0])
    assert [row.win_rate for row in overall.rows] == pytest.approx([5 / 6, 4 / 6, 0.0])
    assert (overall.num_missing, overall.incomplete, overall.left_out) == (0, (), ())


def test_wins_are_sure_only_where_ranks_do_not_overlap(make_trials):
    trials = [
        trial
        for data in "xy"
        for model, accuracy in (("a", 0.951), ("b", 0.95), ("c", 0.5))
        for trial in make_trials(model, data=data, fingerprint=str("xy".index(data)) * 64, accuracy=accuracy)
    ]
    overall = build_leaderboard(trials).overall
    assert {row.model: row.sure_win_rate for row in overall.rows} == {"a": 0.5, "b": 0.5, "c": 0.0}
    assert all(row.sure_win_rate is None for row in build_leaderboard(trials, sort_by="macro_f1").overall.rows)


def test_a_region_of_equivalence_says_how_likely_rows_are_the_same(make_trials):
    trials = [
        trial
        for place, data in enumerate("wxyz")
        for model, accuracy in (("a", 0.951), ("b", 0.95), ("c", 0.5))
        for trial in make_trials(model, data=data, fingerprint=str(place) * 64, accuracy=accuracy)
    ]
    leaderboard = build_leaderboard(trials, rope=1.0)
    first, second, last = leaderboard.overall.rows
    assert (first.model, first.chances) == ("a", None)
    assert second.chances.same > 0.99
    assert last.chances.worse > 0.9
    column = next(each for each in overall_columns(leaderboard.overall) if each.title == "better/same/worse %")
    assert column.cells[1] == "0/100/0"
    assert any("the same within ±1, or worse" in note for note in overall_notes(leaderboard.overall, "accuracy"))
    assert json.loads(render(leaderboard, "json"))["overall"]["rows"][1]["chances"]["same"] > 0.99
    assert "overall_chance_same" in render(leaderboard, "csv")
    assert "overall_chance_same" not in render(build_leaderboard(trials), "csv")
    assert all(row.chances is None for row in build_leaderboard(trials).overall.rows)


def test_equal_rows_share_the_mean_of_their_ranks_and_half_a_win(make_trial):
    trials = [
        make_trial(model, data=data, fingerprint=digit * 64, metrics={"nll": nll})
        for data, digit in (("x", "1"), ("y", "2"))
        for model, nll in (("a", 0.3), ("b", 0.3), ("c", 0.2))
    ]
    rows = {row.model: row for row in build_leaderboard(trials, sort_by="nll").overall.rows}
    assert rows["a"].ranks == rows["b"].ranks == (2.5, 2.5)
    assert rows["c"].mean_rank == 1.0
    assert (rows["a"].win_rate, rows["c"].win_rate) == (0.25, 1.0)


def test_an_incomplete_row_is_listed_separately_and_does_not_affect_the_others(on_datasets, make_trial):
    whole = build_leaderboard(on_datasets(3)).overall
    failed = {"outcome": Outcome.FAILED, "failure": (FailureKind.OOM, "full")}
    make_trial("best", data="set0", fingerprint="1" * 64, accuracy=1.0)
    folder, _ = make_trial("best", data="set1", fingerprint="2" * 64, **failed)
    leaderboard = build_leaderboard([folder.parent])
    overall = leaderboard.overall
    assert [(row.model, row.ranks) for row in overall.rows] == [(row.model, row.ranks) for row in whole.rows]
    (row,) = overall.incomplete
    assert (row.model, row.missing) == ("best", ("set1", "set2"))
    assert overall.num_missing == 2
    text = terminal_text(leaderboard)
    assert "2 of 12 cells are missing" in text
    assert "best, sgd: missing on set1, set2" in text


@pytest.mark.parametrize("what", ["one dataset", "one common row"])
def test_there_is_no_overall_table_of_fewer_than_two_datasets_or_two_common_rows(on_datasets, make_trial, what):
    if what == "one dataset":
        trials = on_datasets(1)
    else:
        trials = [
            make_trial(model, data=data, fingerprint=digit * 64)
            for model, data, digit in (("a", "x", "1"), ("a", "y", "2"), ("b", "x", "1"), ("c", "y", "2"))
        ]
    leaderboard = build_leaderboard(trials)
    assert leaderboard.overall is None
    assert "mean rank" not in terminal_text(leaderboard)
    assert json.loads(render(leaderboard, "json"))["overall"] is None
    assert "overall_mean_rank" not in render(leaderboard, "csv")


def test_small_images_settled_differently_by_datasets_do_not_split_a_row(make_trial):
    trials = [
        make_trial(model, data=data, fingerprint=digit * 64, execution={"small_images": small})
        for data, digit, small in (("x", "1", "on"), ("y", "2", "off"))
        for model in "ab"
    ]
    overall = build_leaderboard(trials).overall
    assert [(row.model, len(row.ranks)) for row in overall.rows] == [("a", 2), ("b", 2)]
    trials.append(make_trial("a", data="x", fingerprint="1" * 64, execution={"small_images": "off"}))
    assert build_leaderboard(trials).overall is None  # now they are rows of their own, and none is on both


def test_rows_with_the_same_name_are_distinguished_over_all_datasets(make_trial):
    trials = [
        make_trial("a", data=data, fingerprint=digit * 64, hyperparameters={"lr": lr})
        for data, digit in (("x", "1"), ("y", "2"))
        for lr in (0.1, 0.2)
    ]
    assert {row.recipe for row in build_leaderboard(trials).overall.rows} == {"sgd (lr=0.1)", "sgd (lr=0.2)"}


def test_speeds_of_other_conditions_are_missing_cells(make_trial):
    trials = [
        make_trial(model, data=data, fingerprint=digit * 64, speed=100.0, measurement_key=key)
        for data, digit in (("x", "1"), ("y", "2"))
        for model, key in (("a", "usual"), ("b", "usual"), ("c", "usual" if data == "x" else "other"))
    ]
    overall = build_leaderboard(trials, sort_by="inference_speed").overall
    assert [row.model for row in overall.rows] == ["a", "b"]
    assert [(row.model, row.missing) for row in overall.incomplete] == [("c", ("y",))]


def test_the_interval_holds_the_mean_and_is_wanting_where_ranks_never_vary(on_datasets):
    leaderboard = build_leaderboard(on_datasets(MIN_DATASETS))
    a, b, c = leaderboard.overall.rows
    assert 1.0 <= a.low < a.mean_rank < a.high <= 2.0
    assert a.low < b.low < c.low
    assert "bootstrap over datasets" in " ".join(terminal_text(leaderboard).split())
    constant = np.array([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]] * 4)
    assert _intervals(constant)[0] == (None, None)


def test_intervals_cover_the_expected_rank_about_as_often_as_they_say():
    """Six datasets, five rows: a plain percentile bootstrap covers 86 % here."""
    rng = np.random.default_rng(0)
    ability, spread, num_rows = np.linspace(0, 2, 5), 2.0, 5

    def ranks(num_data):
        scores = ability + spread * rng.normal(size=(num_data, num_rows))
        return (-scores).argsort(axis=1).argsort(axis=1) + 1.0

    expected = ranks(100_000).mean(axis=0)
    covered = [
        low is None or low <= truth <= high
        for _ in range(40)
        for truth, (low, high) in zip(expected, _intervals(ranks(6)), strict=True)
    ]
    assert 0.88 <= np.mean(covered) <= 0.99


def test_chosen_columns_of_csv_are_those_alone(on_datasets):
    leaderboard = build_leaderboard(on_datasets(2))
    header = render(leaderboard, "csv", choose_columns(leaderboard, ["model"])).splitlines()[0]
    assert header == "fingerprint,model,small_images"


def test_json_of_the_overall_table_is_laid_out_as_its_schema_says(on_datasets, make_trial):
    schema = json.loads((Path(reports.__file__).parent / "leaderboard.schema.json").read_text())["$defs"]["overall"]
    on_datasets(6)
    folder, _ = make_trial("lonely", data="set0", fingerprint="1" * 64)
    overall = json.loads(render(build_leaderboard([folder.parent]), "json"))["overall"]
    assert set(overall) == set(schema["required"]) == set(schema["properties"])
    for key in ("rows", "incomplete"):
        assert overall[key]
        assert all(set(row) == set(schema["properties"][key]["items"]["required"]) for row in overall[key])


def test_rows_that_win_everywhere_are_separated_over_datasets_once_there_are_enough(make_trial):
    trials = [
        make_trial(model, data=f"set{place}", fingerprint=f"{place + 1:x}" * 64, accuracy=accuracy + place / 100)
        for place in range(7)
        for model, accuracy in (("a", 0.88), ("b", 0.82), ("c", 0.6))
    ]
    few, enough = build_leaderboard(trials[:18]).overall, build_leaderboard(trials).overall
    assert {(row.rank_low, row.rank_high) for row in few.rows} == {(None, None)}
    assert [(row.model, row.rank_low, row.rank_high) for row in enough.rows] == [("a", 1, 1), ("b", 2, 2), ("c", 3, 3)]
    cells = {column.title: column.cells for column in overall_columns(enough)}
    assert cells["#"] == ["1", "2", "3"]
    assert "#" not in {column.title for column in overall_columns(few)}
    assert any(
        "with fewer than 7 datasets, no signed-rank test can separate 3 rows" in note
        for note in overall_notes(few, "accuracy")
    )


def test_improvability_is_the_share_of_its_error_by_which_the_best_errs_less(on_datasets):
    trials = on_datasets(3)
    rows = {row.model: row for row in build_leaderboard(trials).overall.rows}
    # Errors of a: 5, 20, 5 %; of the best: 5 % each.
    assert rows["a"].improvability == pytest.approx((0 + 0.75 + 0) / 3, abs=0.02)
    assert rows["c"].improvability == pytest.approx((1 - 5 / 40), abs=0.02)
    params = build_leaderboard(trials, sort_by="params").overall
    assert {row.improvability for row in params.rows} == {None}
