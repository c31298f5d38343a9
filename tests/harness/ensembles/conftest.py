"""Trials with predictions for test, validation and further images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.records.predictions import (
    FILE_NAME,
    VAL_FILE_NAME,
    SavedPredictions,
    further_file,
    save_predictions,
)
from harness.records.record import (
    DataInfo,
    Latency,
    MetricValue,
    ModelInfo,
    Outcome,
    Rate,
    Record,
    SpeedInfo,
    TestSetKind,
    TestSetResult,
    TrainingInfo,
)
from harness.records.spec import ArchitectureSpec, DatasetSpec, ExecutionSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.records.store import stable_hash, trial_id, write_record
from harness.system.atomic_files import sha256_of
from zoo.metric import Predictions

PROVIDER = ProviderSpec(plugin="zoo", version="1", code_hash="c0de")
CLASSES = ("x", "y", "z")
NUM_IMAGES = {FILE_NAME: 60, VAL_FILE_NAME: 40, "further": 50}

MakeTrial = Callable[..., tuple[Path, Record]]


def predictions(name: str, *, skill: float, seed: int, first: int = 0) -> SavedPredictions:
    """Return predictions for the images of a split, in an order of their own."""
    count = NUM_IMAGES[name]
    labels = np.arange(count) % 3
    random = np.random.default_rng([seed, count])
    logits = random.normal(size=(count, 3)).astype(np.float32)
    logits[np.arange(count), labels] += skill
    order = random.permutation(count)
    samples = (np.arange(count) + 1000 * count + first).astype(np.uint64)[order]
    found = Predictions(logits=logits[order], labels=labels[order], classes=CLASSES, samples=samples)
    return SavedPredictions(predictions=found, samples=samples)


@pytest.fixture
def make_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeTrial:
    """``make_trial("net", seed=1, skill=2.0)`` writes a trial and returns its folder and record."""
    monkeypatch.setattr("os.fsync", lambda handle: None)

    def make(
        model: str = "net",
        *,
        seed: int = 0,
        skill: float = 1.5,
        fold: int | None = None,
        further: tuple[str, ...] = (),
        with_val: bool = True,
        speed: float | None = 600.0,
        measurement_key: str = "m" * 64,
        params: int | None = 100,
        fingerprint: str = "f" * 64,
        first: int = 0,
        val_first: int = 0,
        draw: int | None = None,
    ) -> tuple[Path, Record]:
        spec = TrialSpec(
            architecture=ArchitectureSpec(full_name=f"zoo/{model}", display_name=model, provider=PROVIDER),
            dataset=DatasetSpec(
                full_name="zoo/toy", display_name="toy", provider=PROVIDER, folds=None if fold is None else 3, fold=fold
            ),
            recipe=RecipeSpec(
                full_name="zoo/sgd", display_name="sgd", provider=PROVIDER, hyperparameters={"batch_size": 64}
            ),
            seed=seed,
            execution=ExecutionSpec(precision="fp32", small_images="off"),
        )
        key = stable_hash([spec.model_dump(mode="json"), fingerprint, skill, first])
        name = trial_id(spec, key)
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        number = int(key[:8], 16) if draw is None else draw
        files = [FILE_NAME, *([VAL_FILE_NAME] if with_val else [])]
        saved = {
            each: predictions(each, skill=skill, seed=number, first=val_first if each == VAL_FILE_NAME else first)
            for each in files
        }
        saved |= {further_file(each): predictions("further", skill=skill, seed=number) for each in further}
        for file, content in saved.items():
            save_predictions(folder, content, name=file)
        rate = None if speed is None else Rate(median=speed, low=speed / 2, high=speed * 2, windows=3, batch_size=64)
        latency = Latency(p50_ms=1.5, p95_ms=2.0, runs=9)
        right = saved[FILE_NAME].predictions
        record = Record(
            trial_id=name,
            result_key=key,
            measurement_key=measurement_key,
            outcome=Outcome.DONE,
            spec=spec,
            model=ModelInfo(params=params, trainable_params=params, macs=1000, mean=(0.5,), std=(0.5,)),
            data=DataInfo(
                fingerprint=fingerprint,
                classes=CLASSES,
                image_size=8,
                channels=1,
                num_train=100,
                num_val=40,
                num_test=60,
                whole_fingerprint="" if fold is None else "w" * 64,
            ),
            training=TrainingInfo(
                epochs_run=1, tested_epoch=1, best_val_accuracy=min(0.1 * skill, 1.0), final_train_loss=1.0, seconds=1.0
            ),
            metrics={"accuracy": MetricValue(value=float((right.logits.argmax(axis=1) == right.labels).mean()))},
            speed=None if rate is None else SpeedInfo(inference=rate, inference_end_to_end=rate, latency=latency),
            seconds={"train": 2.0, "total": 3.0},
            environment={"torch": "2.11.0", "device_name": "a cpu", "driver": "", "threads": 2},
            files={file: sha256_of(folder / file) for file in saved},
            test_sets={
                each: TestSetResult(
                    kind=TestSetKind.DATASET, source=f"folder:{each}", key="k", fingerprint="t" * 64, num_images=50
                )
                for each in further
            },
        )
        write_record(folder, record)
        return folder, record

    return make


@pytest.fixture
def requested() -> Callable[..., Any]:
    """``requested(trials, …)``: a request for an ensemble of trials of one dataset."""
    from harness.ensembles.making import EnsembleRequest, Over
    from harness.ensembles.members import own_test

    def request(trials: list[tuple[Path, Record]], **fields: Any) -> EnsembleRequest:
        return EnsembleRequest(
            **{
                "over": Over.SEEDS,
                "candidates": tuple(trials),
                "tested": own_test(trials[0][1]),
                "name": "net",
                "recipe": "sgd",
                **fields,
            }
        )

    return request
