"""The evidence of rows: any metric ranks by paired tests of what images and seeds say about it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from harness.records.predictions import SavedPredictions, load_predictions, save_predictions
from harness.records.record import MetricValue
from harness.system.atomic_files import sha256_of
from plugins.metrics.classification import zoo_metrics
from reports.leaderboard.all_columns import COLUMNS, metric_columns
from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.columns.column import RankBasis
from reports.leaderboard.ranking_evidence import evidence_of, metric_evidence_of, most_common_images
from reports.render.writing import render
from zoo.metric import Metric, Predictions

METRICS = {metric.name: metric for metric in zoo_metrics()}
CLASSES = ("a", "b", "c")


@pytest.fixture
def row_of(make_trial):
    """Trials of a row with real predictions, and the metrics of these."""

    def make(model, *, lift, seeds=3, num_images=600, metrics=METRICS, shuffled=False):
        shared = np.random.default_rng(0)
        labels_N, ease_N = shared.integers(3, size=num_images), shared.normal(0, 1.5, num_images)
        rng = np.random.default_rng(sum(map(ord, model)))
        found = []
        for seed in range(seeds):
            folder, record = make_trial(model, seed=seed, num_test=num_images)
            logits_NK = rng.normal(size=(num_images, 3))
            logits_NK[np.arange(num_images), labels_N] += lift + ease_N
            order = rng.permutation(num_images) if shuffled else np.arange(num_images)
            predictions = Predictions(
                logits=logits_NK[order].astype(np.float32), labels=labels_N[order], classes=CLASSES
            )
            samples = np.arange(num_images).astype(np.uint64)[order]
            path = save_predictions(folder, SavedPredictions(predictions=predictions, samples=samples))
            scalars = [each for each in metrics.values() if each.kind == "scalar" and not each.binary_only]
            values = {each.name: MetricValue(value=float(each.compute(predictions))) for each in scalars}
            values = {name: value for name, value in values.items() if not np.isnan(value.value)}
            files = {path.name: sha256_of(path)}
            found.append((folder, record.model_copy(update={"metrics": values, "files": files})))
        return found

    return make


def ranks_by(trials, name, metrics=METRICS):
    leaderboard = build_leaderboard(trials, sort_by=name, declared=metric_columns(metrics.items()))
    return leaderboard, [(row.model, row.rank_low, row.rank_high) for row in leaderboard.rows]


@pytest.mark.parametrize(
    "name",
    ["macro_f1", "balanced_accuracy", "weighted_f1", "macro_precision", "macro_recall", "matthews_corrcoef", "roc_auc"],
)
def test_any_metric_separates_a_poor_row_and_leaves_equal_ones_tied(row_of, name):
    trials = [*row_of("poor", lift=0.5), *row_of("one", lift=3.0), *row_of("other", lift=3.0, shuffled=True)]
    leaderboard, ranks = ranks_by(trials, name)
    assert [low_high for _, *low_high in ranks] == [[1, 2], [1, 2], [3, 3]]
    assert ranks[2][0] == "poor"
    for row in leaderboard.rows:
        estimate = row.metrics[name]
        assert estimate.low < estimate.mean < estimate.high


@pytest.mark.parametrize("name", ["nll", "brier"])
def test_where_lower_is_better_the_lowest_is_first_and_intervals_keep_their_sign(row_of, name):
    trials = [*row_of("poor", lift=0.5), *row_of("good", lift=3.0)]
    leaderboard, ranks = ranks_by(trials, name)
    assert ranks == [("good", 1, 1), ("poor", 2, 2)]
    assert all(0 < row.metrics[name].low < row.metrics[name].mean < row.metrics[name].high for row in leaderboard.rows)
    text = render(leaderboard, "markdown", [c for c in COLUMNS if c.key in ("rank", "model")])
    assert f"by {name.replace('_', chr(92) + '_')}: paired tests" in text.replace("\\_", "\\_")


def test_the_interval_of_the_metric_is_shown_beside_its_mean(row_of):
    leaderboard, _ = ranks_by([*row_of("one", lift=2.0), *row_of("two", lift=2.5)], "macro_f1")
    estimate = leaderboard.rows[0].metrics["macro_f1"]
    assert f"[{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]" in render(leaderboard, "table")
    assert "[…]: 95 % interval of macro_f1" in render(leaderboard, "table")


def test_ranks_of_accuracy_are_the_same_whether_it_is_asked_for_as_accuracy_or_as_a_metric(row_of):
    trials = [*row_of("one", lift=2.0), *row_of("two", lift=2.5), *row_of("three", lift=4.0)]
    twin = dataclasses.replace(METRICS["accuracy"], name="twin")
    trials = [
        (folder, record.model_copy(update={"metrics": {**record.metrics, "twin": record.metrics["accuracy"]}}))
        for folder, record in trials
    ]
    _, expected = ranks_by(trials, "accuracy")
    _, found = ranks_by(trials, "twin", {**METRICS, "twin": twin})
    assert found == expected


def test_a_plugins_metric_without_influence_is_tested_by_leaving_groups_out(row_of):
    mine = Metric(name="mine", compute=METRICS["macro_f1"].compute)
    metrics = {**METRICS, "mine": mine}
    trials = [each for model, lift in (("a", 0.5), ("b", 3.0)) for each in row_of(model, lift=lift, metrics=metrics)]
    _, ranks = ranks_by(trials, "mine", metrics)
    assert ranks == [("b", 1, 1), ("a", 2, 2)]
    by_formula = metric_evidence_of(trials[:3], column_of("macro_f1", metrics)).interval
    by_groups = metric_evidence_of(trials[:3], column_of("mine", metrics)).interval
    assert by_groups.high - by_groups.low == pytest.approx(by_formula.high - by_formula.low, rel=0.25)


def column_of(name, metrics):
    return next(column for column in metric_columns(metrics.items()) if column.key == name)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"is_smooth": False}, "no ranks: rows are in the order of mine"),
        ({"influence": lambda predictions: np.zeros(3)}, "its influence has the shape [3] instead of [600]"),
        ({"influence": lambda predictions: 1 / 0}, "its influence cannot be computed: ZeroDivisionError"),
        ({"influence": lambda predictions: np.full(600, np.nan)}, "it is undefined for these test images"),
        ({"compute": lambda predictions: 0.123}, "is not that of its predictions"),
    ],
    ids=["not smooth", "shape", "raises", "undefined", "another value"],
)
def test_where_a_metric_cannot_be_tested_no_rank_is_printed_and_a_note_says_why(row_of, change, said):
    trials = [
        (folder, record.model_copy(update={"metrics": {**record.metrics, "mine": MetricValue(value=0.5)}}))
        for folder, record in row_of("a", lift=2.0)
    ]
    mine = dataclasses.replace(Metric(name="mine", compute=lambda predictions: 0.5), **change)
    leaderboard, ranks = ranks_by(trials, "mine", {**METRICS, "mine": mine})
    assert ranks == [("a", None, None)]
    assert said in render(leaderboard, "table")


def test_a_threshold_that_is_chosen_on_the_test_images_has_no_ranks():
    assert column_of("best_threshold", METRICS).basis is RankBasis.NONE
    assert column_of("macro_f1", METRICS).basis is RankBasis.TESTED


def test_evidence_without_trials_says_so():
    assert evidence_of([]).problem == "no seed has finished"
    assert metric_evidence_of([], column_of("nll", METRICS)).problem == "no seed has finished"


def test_the_most_common_images_are_those_of_most_rows():
    assert most_common_images([b"x", b"y", b"y"]) == b"y"
    assert most_common_images([]) == b""


def test_a_metric_of_scores_says_nothing_of_rows_without_any(make_trial):
    folder, record = make_trial("net", metrics={"nll": 0.3})
    saved = load_predictions(folder)
    predictions = dataclasses.replace(saved.predictions, has_scores=False)
    save_predictions(folder, SavedPredictions(predictions=predictions, samples=saved.samples))
    record = record.model_copy(update={"files": {}})
    (column,) = metric_columns([("nll", METRICS["nll"])])
    found = metric_evidence_of([(folder, record)], column)
    assert found.problem == "nll needs scores, and only the predicted classes are known"
