"""Columns: which there are, and how they are chosen."""

from __future__ import annotations

import pytest

from harness.records.origin import Origin, OriginKind
from harness.records.record import FailureKind, Outcome
from reports.leaderboard.all_columns import COLUMNS, choose_columns
from reports.leaderboard.building import build_leaderboard
from reports.render.terminal import terminal_text
from reports.render.writing import render
from zoo.errors import ManyErrors, UnknownNameError


@pytest.fixture
def two_rows(make_trials):
    return build_leaderboard(
        [
            *make_trials("resnet18", accuracy=0.974, params=11_173_962, macs=41_000_000, small=True),
            *make_trials("lenet5", accuracy=0.80, params=61_706),
        ]
    )


def test_columns_are_chosen_by_name_in_that_order(two_rows):
    columns = choose_columns(two_rows, ["macro_f1", "model", "latency_p95"])
    header = render(two_rows, "csv", columns).splitlines()[0]
    assert header == "fingerprint,macro_f1,macro_f1_sd,macro_f1_low,macro_f1_high,model,small_images,latency_p95"
    assert "p95 ms" in terminal_text(two_rows, columns)


def test_mistyped_columns_are_reported_together_with_near_names(two_rows):
    with pytest.raises(UnknownNameError, match="no column is called 'paramz'; did you mean 'params'"):
        choose_columns(two_rows, ["paramz"])
    with pytest.raises(ManyErrors) as caught:
        choose_columns(two_rows, ["paramz", "model", "reciep"])
    assert len(caught.value.errors) == 2


def test_the_column_of_failures_is_there_only_when_there_are_any(two_rows, make_trial):
    assert "unfinished" not in {column.key for column in choose_columns(two_rows)}
    failed = make_trial("f", outcome=Outcome.FAILED, failure=(FailureKind.ERROR, "x"))
    assert "unfinished" in {column.key for column in choose_columns(build_leaderboard([failed]))}


def test_every_column_is_declared_once():
    keys = [column.key for column in COLUMNS]
    assert len(set(keys)) == len(keys)
    assert all(column.about and column.title for column in COLUMNS)


def test_the_dataset_is_in_the_heading_and_a_column_only_on_request(two_rows):
    assert "data" not in {column.key for column in choose_columns(two_rows)}
    assert [column.title for column in choose_columns(two_rows, ["data"])] == ["dataset"]


def test_the_column_that_rows_are_ranked_by_is_shown(make_trial):
    trials = [make_trial("a", metrics={"nll": 0.5}), make_trial("b", metrics={"nll": 0.3})]
    assert "nll" not in {column.key for column in choose_columns(build_leaderboard(trials))}
    assert "nll" in {column.key for column in choose_columns(build_leaderboard(trials, sort_by="nll"))}


def test_columns_of_networks_are_left_out_where_no_row_has_one(make_trial):
    def columns(*trials):
        return {column.key for column in choose_columns(build_leaderboard(trials))}

    origin = Origin(kind=OriginKind.PREDICTIONS, source="b.csv", files={"b.csv": "b" * 64}, has_scores=False)
    given = make_trial("b", origin=origin, speed=None)
    given = (given[0], given[1].model_copy(update={"model": None, "seconds": {}}))
    assert not {"params", "macs", "inference_speed", "wall_time"} & columns(given)
    assert {"accuracy", "interval", "seeds", "macro_f1"} <= columns(given)
    assert {"params", "macs", "inference_speed", "wall_time"} <= columns(given, make_trial("a"))
