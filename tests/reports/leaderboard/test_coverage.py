"""Coverage: a row says which sources of variance its intervals cover."""

from __future__ import annotations

import numpy as np
import pytest

from harness.records.origin import Origin, OriginKind
from harness.records.predictions import FILE_NAME, SavedPredictions, load_predictions, save_predictions
from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.coverage import coverage_text
from reports.leaderboard.ranking_evidence import evidence_of
from reports.render.writing import render


@pytest.fixture
def drawn(make_trial):
    """Return the trials of a row whose seeds have splits of their own, or with folds, deals of their own."""

    def make(model, *, seeds=3, folds=None, accuracy=0.9):
        found = []
        for seed in range(seeds):
            folder, record = make_trial(model, seed=seed, accuracy=accuracy)
            dataset = record.spec.dataset.model_copy(update={"resplit": seed, "folds": folds})
            record = record.model_copy(
                update={"spec": record.spec.model_copy(update={"dataset": dataset}), "files": {}}
            )
            if folds is not None:
                saved = load_predictions(folder)
                folds_N = (saved.samples // np.uint64(1 + seed)).astype(np.int64) % folds + 1
                save_predictions(
                    folder, SavedPredictions(predictions=saved.predictions, samples=saved.samples, folds=folds_N)
                )
            found.append((folder, record))
        return found

    return make


@pytest.mark.parametrize(
    ("seeds", "covers"),
    [(1, ("test images",)), (3, ("weights", "order", "test images"))],
)
def test_seeds_cover_what_differs_between_them(make_trials, seeds, covers):
    (row,) = build_leaderboard(make_trials(seeds=seeds)).rows
    assert row.covers == covers


def test_a_drawn_validation_split_is_covered_and_the_legend_says_so(drawn):
    leaderboard = build_leaderboard([*drawn("a"), *drawn("b", accuracy=0.8)])
    assert {row.covers for row in leaderboard.rows} == {("weights", "order", "validation split", "test images")}
    assert "of the same kind; covers: weights, order, validation split, test images" in render(leaderboard, "markdown")
    assert ",interval_covers" in render(leaderboard, "csv")


def test_deals_of_folds_are_covered_with_the_training_images_and_widen_the_interval(drawn):
    trials = drawn("a", folds=5)
    (row,) = build_leaderboard(trials).rows
    assert row.covers == ("weights", "order", "validation split", "folds", "training images", "test images")
    evidence = evidence_of(trials)
    scores = evidence.sample.fold_scores
    assert len(scores.means_J) == 15
    assert evidence.interval.high - evidence.interval.low > 2 * scores.variance**0.5
    estimate = row.metrics["accuracy"]
    assert (estimate.low, estimate.high) == (evidence.interval.low, evidence.interval.high)


def test_what_was_not_trained_here_covers_test_images_only(make_trials):
    origin = Origin(kind=OriginKind.PREDICTIONS, source="elsewhere")
    (row,) = build_leaderboard(make_trials(seeds=2, origin=origin)).rows
    assert row.covers == ("test images",)


def test_a_row_without_evidence_covers_nothing(make_trial):
    folder, record = make_trial()
    (folder / FILE_NAME).unlink()
    (row,) = build_leaderboard([(folder, record)]).rows
    assert row.covers == ()


def test_kinds_of_rows_are_counted():
    one, other = ("weights", "test images"), ("test images",)
    assert coverage_text([one, one, ()]) == "weights, test images"
    assert coverage_text([one, one, other]) == "weights, test images (2 rows) or test images (1 row)"
