"""Folds in the table: a seed counts by all of its folds together, and only if they are all there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, average_precision_score, balanced_accuracy_score, f1_score

from harness.records.derived.pooled_folds import pool_folds
from harness.records.keys import result_key
from harness.records.predictions import FILE_NAME, SavedPredictions, load_predictions, save_predictions
from harness.records.record import DataInfo, Failure, FailureKind, Latency, Outcome, Rate, Record, SpeedInfo
from harness.records.spec import ArchitectureSpec, DatasetSpec, ExecutionSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.records.store import Store, trial_id, write_record
from harness.system.atomic_files import sha256_of
from reports.leaderboard.building import build_leaderboard
from reports.publishing.verification import store_problems, trial_problems
from zoo.catalog import Entry
from zoo.loading import Sources, build_catalog
from zoo.metric import Metric, Predictions

FOLDS, IMAGES, WHOLE = 3, 90, "e" * 64
PROVIDER = ProviderSpec(plugin="zoo")
WriteFold = Callable[..., Record]


@pytest.fixture(scope="module")
def metrics() -> list[Entry[Metric]]:
    return list(build_catalog(Sources(entry_points=False), hooks=("zoo_metrics",)).metrics)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


@pytest.fixture
def write_fold(store: Store) -> WriteFold:
    """Write the trial of one fold: two classes, one of them rare, predicted with some skill."""

    def write(
        fold: int,
        *,
        model: str = "net",
        seed: int = 0,
        skill: float = 1.0,
        failure: str = "",
        speed: float = 100.0,
        whole: str = WHOLE,
    ) -> Record:
        spec = TrialSpec(
            architecture=ArchitectureSpec(full_name=f"zoo/{model}", display_name=model, provider=PROVIDER),
            dataset=DatasetSpec(
                full_name="zoo/folder", display_name="folder:x", provider=PROVIDER, folds=FOLDS, fold=fold
            ),
            recipe=RecipeSpec(full_name="zoo/sgd", display_name="sgd", provider=PROVIDER, hyperparameters={}),
            seed=seed,
            execution=ExecutionSpec(precision="fp32", small_images="off"),
        )
        fingerprint = f"{whole[:-1]}{fold}"
        key = result_key(spec, fingerprint=fingerprint, torch_version="2.11.0")
        folder = store.folder(trial_id(spec, key))
        folder.mkdir(parents=True)
        mine = np.arange(fold - 1, IMAGES, FOLDS)
        rng = np.random.default_rng([fold, seed, len(model)])
        labels = (mine % 5 == 0).astype(np.int64)
        logits = rng.normal(0, 1, (len(mine), 2)) + skill * np.eye(2)[labels]
        if not failure:
            predictions = Predictions(logits=logits.astype(np.float32), labels=labels, classes=("common", "rare"))
            save_predictions(folder, SavedPredictions(predictions=predictions, samples=mine.astype(np.uint64)))
        rate = Rate(median=speed, low=speed - 1, high=speed + 1, windows=3, batch_size=32)
        record = Record(
            trial_id=folder.name,
            result_key=key,
            measurement_key="m",
            outcome=Outcome.FAILED if failure else Outcome.DONE,
            failure=Failure(kind=FailureKind.OOM, message=failure) if failure else None,
            reason=failure,
            spec=spec,
            data=DataInfo(
                fingerprint=fingerprint,
                whole_fingerprint=whole,
                classes=("common", "rare"),
                image_size=8,
                channels=1,
                num_train=50,
                num_val=10,
                num_test=len(mine),
            ),
            speed=SpeedInfo(inference=rate, latency=Latency(p50_ms=1.0, p95_ms=2.0, runs=9)),
            seconds={"total": 2.0},
            environment={"torch": "2.11.0"},
            files={} if failure else {FILE_NAME: sha256_of(folder / FILE_NAME)},
        )
        write_record(folder, record)
        return record

    return write


def pooled_by_hand(store: Store, folds: Sequence[Record]) -> tuple[np.ndarray, np.ndarray]:
    saved = [load_predictions(store.folder(record.trial_id)).predictions for record in folds]
    return np.concatenate([each.logits for each in saved]), np.concatenate([each.labels for each in saved])


def test_numbers_are_those_of_all_folds_predictions_together(
    store: Store, write_fold: WriteFold, metrics: list[Entry[Metric]]
) -> None:
    by_seed = [[write_fold(fold, seed=seed) for fold in (1, 2, 3)] for seed in (0, 1)]
    pool_folds(store, [record for folds in by_seed for record in folds], metrics)
    (table,) = build_leaderboard([store.root]).tables
    (row,) = table.rows
    assert (table.data, table.num_test, row.seeds, row.unfinished) == ("folder:x (3 folds)", IMAGES, (0, 1), ())
    pooled = [pooled_by_hand(store, folds) for folds in by_seed]
    expected = {
        "accuracy": lambda logits, labels: accuracy_score(labels, logits.argmax(axis=1)),
        "balanced_accuracy": lambda logits, labels: balanced_accuracy_score(labels, logits.argmax(axis=1)),
        "macro_f1": lambda logits, labels: f1_score(labels, logits.argmax(axis=1), average="macro"),
        "average_precision": lambda logits, labels: average_precision_score(labels, logits[:, 1] - logits[:, 0]),
    }
    for name, compute in expected.items():
        values = [compute(*each) for each in pooled]
        assert row.metrics[name].mean == pytest.approx(np.mean(values)), name
        assert row.metrics[name].sd == pytest.approx(np.std(values, ddof=1)), name
    assert row.wall_seconds == pytest.approx(6.0)


def test_rows_are_paired_on_all_images(store: Store, write_fold: WriteFold, metrics: list[Entry[Metric]]) -> None:
    records = [
        write_fold(fold, model=model, seed=seed, skill=skill)
        for model, skill in (("good", 6.0), ("bad", 0.0))
        for seed in (0, 1)
        for fold in (1, 2, 3)
    ]
    pool_folds(store, records, metrics)
    (table,) = build_leaderboard([store.root]).tables
    assert [(row.model, row.rank_low, row.rank_high) for row in table.rows] == [("good", 1, 1), ("bad", 2, 2)]


def test_a_seed_with_a_missing_fold_is_missing_and_shown(
    store: Store, write_fold: WriteFold, metrics: list[Entry[Metric]]
) -> None:
    records = [write_fold(fold, seed=seed) for seed in (0, 1) for fold in (1, 2, 3) if (seed, fold) != (1, 2)]
    pool_folds(store, records, metrics)
    (table,) = build_leaderboard([store.root]).tables
    (row,) = table.rows
    assert row.seeds == (0,)
    assert [(each.seed, each.outcome, each.reason) for each in row.unfinished] == [
        (1, "interrupted", "2 of 3 folds have finished")
    ]


def test_a_seed_with_a_failed_fold_reports_the_fold_and_the_reason(
    store: Store, write_fold: WriteFold, metrics: list[Entry[Metric]]
) -> None:
    records = [write_fold(1), write_fold(2, failure="no memory"), write_fold(3)]
    assert pool_folds(store, records, metrics) == ([], [])
    (table,) = build_leaderboard([store.root]).tables
    (row,) = table.rows
    assert table.num_test == IMAGES
    assert row.seeds == ()
    assert [each.reason for each in row.unfinished] == ["oom: 2 of 3 folds have finished; fold 2: no memory"]
    assert row.rank_low is None


def test_a_seed_whose_folds_were_skipped_is_called_skipped(
    store: Store, write_fold: WriteFold, metrics: list[Entry[Metric]]
) -> None:
    """Such as for want of published weights: nobody interrupted anything."""
    skipped = {"outcome": Outcome.SKIPPED, "failure": None, "reason": "no weights"}
    records = [write_fold(fold, failure="later skipped").model_copy(update=skipped) for fold in (1, 2, 3)]
    for record in records:
        write_record(store.folder(record.trial_id), record)
    assert pool_folds(store, records, metrics) == ([], [])
    (row,) = build_leaderboard([store.root]).rows
    assert [(each.outcome, each.reason) for each in row.unfinished] == [
        ("skipped", "0 of 3 folds have finished; fold 1: no weights")
    ]


def test_speeds_are_medians_over_folds(store: Store, write_fold: WriteFold, metrics: list[Entry[Metric]]) -> None:
    records = [write_fold(fold, speed=speed) for fold, speed in ((1, 100.0), (2, 900.0), (3, 200.0))]
    pool_folds(store, records, metrics)
    (row,) = build_leaderboard([store.root]).rows
    assert row.speed is not None
    assert row.speed.inference == 200.0
    assert row.speed.intervals["inference"] == (99.0, 901.0)


def test_folds_of_other_images_are_never_put_together(
    store: Store, write_fold: WriteFold, metrics: list[Entry[Metric]]
) -> None:
    records = [write_fold(1), write_fold(2), write_fold(3, whole="d" * 64)]
    assert pool_folds(store, records, metrics)[0] == []
    assert len(build_leaderboard([store.root]).tables) == 2


def test_pooled_folds_are_verified_against_their_folds(
    store: Store, write_fold: WriteFold, metrics: list[Entry[Metric]]
) -> None:
    records = [write_fold(fold) for fold in (1, 2, 3)]
    (whole,), _ = pool_folds(store, records, metrics)
    trials = [(store.folder(record.trial_id), record) for record in [*records, whole]]
    assert trial_problems(trials[-1], metrics) == []
    assert store_problems(trials, required_seeds=1) == []
    assert "1 of its 3 folds are missing" in store_problems(trials[1:], required_seeds=1)[0]
    other = load_predictions(store.folder(whole.trial_id))
    turned = Predictions(
        logits=-other.predictions.logits, labels=other.predictions.labels, classes=other.predictions.classes
    )
    save_predictions(store.folder(whole.trial_id), SavedPredictions(predictions=turned, samples=other.samples))
    assert "not those of its folds" in store_problems(trials, required_seeds=1)[0]
