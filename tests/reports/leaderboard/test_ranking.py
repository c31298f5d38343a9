"""Ranking: which rows get a rank, and in which order they stand."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from rich.console import Console

from harness.records.record import FailureKind, Outcome
from reports.leaderboard.all_columns import COLUMNS
from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.ranking import rank_table
from reports.leaderboard.ranking_evidence import RankingEvidence
from reports.leaderboard.table import Estimate, Table
from reports.render.terminal import render_terminal
from reports.render.writing import render
from reports.statistics.sample import Sample
from zoo.testing import leaderboards


def only_table(leaderboard):
    (table,) = leaderboard.tables
    return table


def test_a_clear_winner_is_first_and_inseparable_rows_share_a_range_ordered_by_mean(make_trials):
    trials = [
        *make_trials("zebra", accuracy=0.8025),
        *make_trials("best", accuracy=0.95),
        *make_trials("apple", accuracy=0.80),
        *make_trials("mango", accuracy=0.805),
    ]
    rows = only_table(build_leaderboard(trials)).rows
    assert [(row.model, row.rank_low, row.rank_high) for row in rows] == [
        ("best", 1, 1),
        ("mango", 2, 4),
        ("zebra", 2, 4),
        ("apple", 2, 4),
    ]


def test_a_row_without_results_is_listed_last_without_rank_or_score(make_trial, make_trials):
    failure = {"outcome": Outcome.FAILED, "failure": (FailureKind.OOM, "out of memory")}
    trials = [*make_trials("good"), *make_trials("awful", accuracy=0.1), *make_trials("aaa", **failure)]
    table = only_table(build_leaderboard(trials))
    last = table.rows[-1]
    assert [row.model for row in table.rows] == ["good", "awful", "aaa"]
    assert (last.rank_low, last.rank_high, dict(last.metrics), last.seeds) == (None, None, {}, ())
    assert {each.outcome for each in last.unfinished} == {"failed"}


@pytest.mark.parametrize("damage", ["absent", "truncated", "other bytes"])
def test_without_readable_predictions_there_is_a_mean_and_neither_interval_nor_rank(make_trials, damage):
    trials = [*make_trials("good", seeds=2), *make_trials("bad", seeds=2, accuracy=0.95)]
    folder, record = trials[-1]
    path = folder / "predictions.safetensors"
    if damage == "absent":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:100])
    else:
        trials[-1] = (folder, record.model_copy(update={"files": {path.name: "0" * 64}}))
    table = only_table(build_leaderboard(trials))
    good, bad = table.rows
    assert (good.model, good.rank_low) == ("good", 1)
    assert (bad.rank_low, bad.metrics["accuracy"].low) == (None, None)
    assert bad.metrics["accuracy"].mean == pytest.approx(0.95)
    assert any(note.startswith("no interval and no rank: ") and note.endswith("(bad)") for note in table.notes)


def test_a_metric_that_cannot_be_tested_orders_rows_and_prints_no_rank(make_trial):
    """Without a catalog, nothing is known about the metric but its name."""
    trials = [
        make_trial("a", metrics={"nll": 0.5}),
        make_trial("b", metrics={"nll": 0.3}),
        make_trial("c", metrics={"nll": 0.5}),
        make_trial("d", metrics={"nll": None}),
    ]
    leaderboard = build_leaderboard(trials, sort_by="nll")
    assert [(row.model, row.rank_low, row.rank_high) for row in leaderboard.rows] == [
        ("b", None, None),
        ("a", None, None),
        ("c", None, None),
        ("d", None, None),
    ]
    text = render(leaderboard, "table")
    assert "no ranks: rows are in the order of nll, whose differences cannot be tested" in text


def test_exact_values_rank_by_their_order_and_equal_ones_share_a_rank(make_trial):
    trials = [make_trial(name, params=params) for name, params in (("a", 5), ("b", 3), ("c", 5))]
    rows = build_leaderboard(trials, sort_by="params").rows
    assert [(row.model, row.rank_low, row.rank_high) for row in rows] == [("b", 1, 1), ("a", 2, 3), ("c", 2, 3)]


def test_speeds_have_noise_that_is_not_tested_and_no_ranks(make_trial):
    rows = build_leaderboard([make_trial("a", speed=100.0), make_trial("b", speed=200.0)], sort_by="train_speed").rows
    assert [(row.model, row.rank_low) for row in rows] == [("b", None), ("a", None)]


@pytest.mark.parametrize(("sort_by", "first"), [("params", "small"), ("train_speed", "big"), ("peak_memory", "big")])
def test_any_column_of_numbers_can_be_sorted_by(make_trial, sort_by, first):
    trials = [make_trial("big", params=9, speed=200.0), make_trial("small", params=3, speed=100.0)]
    assert build_leaderboard(trials, sort_by=sort_by).rows[0].model == first


def test_rows_are_paired_by_image_id_and_not_by_place(make_trial):
    """Predictions are saved in an order of their own in each trial; pairing by place would see noise."""
    first = [make_trial("a", seed=seed, accuracy=0.80, image_noise=0.0) for seed in range(2)]
    second = [make_trial("b", seed=seed, accuracy=0.83, image_noise=0.0) for seed in range(2)]
    rows = build_leaderboard([*first, *second]).rows
    assert [(row.model, row.rank_low, row.rank_high) for row in rows] == [("b", 1, 1), ("a", 2, 2)]


def make_rows(make_trials):
    trials = make_trials("best", accuracy=0.95)
    trials += [each for model, mean in (("b", 0.8), ("c", 0.805)) for each in make_trials(model, accuracy=mean)]
    trials += [each for model, mean in (("d", 0.6), ("e", 0.605)) for each in make_trials(model, accuracy=mean)]
    return build_leaderboard([*trials, *make_trials("last", accuracy=0.3)])


def test_ties_are_numbered_and_shaded_so_that_neighbouring_ties_differ(make_trials):
    rows = only_table(make_rows(make_trials)).rows
    assert [(row.model, row.tie, row.is_shaded) for row in rows] == [
        ("best", 1, False),
        ("c", 2, True),
        ("b", 2, True),
        ("e", 3, False),
        ("d", 3, False),
        ("last", 4, False),
    ]


def test_a_noisy_row_stands_where_its_mean_is_and_not_where_its_range_begins():
    """A range that begins at 1 does not lift a row of a low mean above rows of higher ones."""
    rng = np.random.default_rng(5)

    def evidence(*accuracies):
        correct_SN = (rng.random((len(accuracies), 4000)) < np.array(accuracies)[:, None]).astype(float)
        return RankingEvidence(sample=Sample.of(correct_SN), images=b"same")

    basis = {
        "wild": evidence(0.60, 0.95),
        "good": evidence(0.90, 0.90, 0.90),
        "fair": evidence(0.86, 0.86, 0.86),
    }
    rows = [
        leaderboards._row(name, None, None, metrics={"accuracy": Estimate(mean=each.sample.mean, sd=0.0, n=2)})
        for name, each in basis.items()
    ]
    table = Table(data="toy", fingerprint="f", num_test=4000, num_classes=2, rows=tuple(rows), notes=())
    accuracy = next(column for column in COLUMNS if column.key == "accuracy")
    ranked = rank_table(table, list(basis.values()), accuracy)
    assert [(row.model, row.rank_low, row.rank_high, row.tie) for row in ranked.rows] == [
        ("good", 1, 2, 1),
        ("fair", 2, 3, 1),
        ("wild", 1, 3, 1),
    ]


@pytest.mark.parametrize("format_name", ["table", "markdown", "csv", "json", "latex"])
def test_every_format_has_the_same_order_and_sets_ties_off(make_trials, format_name):
    leaderboard = make_rows(make_trials)
    text = render(leaderboard, format_name)
    assert text.index("best") < text.index("last")
    if format_name == "markdown":
        marked = [line for line in text.splitlines() if line.startswith("| ░ 2–3 | ")]
        assert [line.split(" | ")[1] for line in marked] == ["c", "b"]
    if format_name == "csv":
        assert [line["tie"] for line in csv.DictReader(io.StringIO(text))] == ["1", "2", "2", "3", "3", "4"]
    if format_name == "json":
        cells = [row["cells"] for row in json.loads(text)["tables"][0]["rows"]]
        assert [each["tie"] for each in cells] == [1, 2, 2, 3, 3, 4]
    if format_name == "latex":
        assert text.count("addlinespace") == 3


def test_a_terminal_with_colour_shades_a_tie(make_trials):
    console = Console(file=io.StringIO(), width=200, color_system="256", force_terminal=True)
    console.print(render_terminal(make_rows(make_trials)))
    lines = console.file.getvalue().splitlines()
    shaded = [line for line in lines if "48;5;" in line]
    assert [next(name for name in ("best", "b ", "c ", "d ", "e ", "last") if name in line) for line in shaded] == [
        "c ",
        "b ",
    ]
