"""A factory of trials on disk, with predictions of a chosen accuracy."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.records.origin import Origin
from harness.records.predictions import SavedPredictions, save_predictions
from harness.records.record import (
    DataInfo,
    Failure,
    FailureKind,
    Latency,
    MetricValue,
    ModelInfo,
    Outcome,
    Rate,
    Record,
    SpeedInfo,
)
from harness.records.spec import ArchitectureSpec, DatasetSpec, ExecutionSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.records.store import write_record
from zoo.metric import Predictions

PROVIDER = ProviderSpec(plugin="zoo", version="1", code_hash="c0de")
CLASSES = ("a", "b", "c")


class TrialFactory:
    """Writes trials into a store. Every call with the same arguments writes the same trial."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __call__(
        self,
        model: str = "net",
        *,
        seed: int = 0,
        data: str = "toy",
        recipe: str = "sgd",
        accuracy: float | None = 0.9,
        num_test: int = 400,
        image_noise: float = 0.5,
        outcome: Outcome = Outcome.DONE,
        reason: str = "",
        failure: tuple[FailureKind, str] | None = None,
        fingerprint: str = "f" * 64,
        options: dict[str, Any] | None = None,
        hyperparameters: dict[str, Any] | None = None,
        execution: dict[str, Any] | None = None,
        full_name: str = "",
        environment: dict[str, Any] | None = None,
        measurement_key: str = "m" * 64,
        predictions: bool = True,
        origin: Origin | None = None,
        metrics: dict[str, Any] | None = None,
        params: int = 270_000,
        macs: int | None = 41_000_000,
        small: bool = False,
        speed: float | None = 1000.0,
        notes: tuple[str, ...] = (),
    ) -> tuple[Path, Record]:
        """Write one trial; *image_noise* of 0 makes the same images wrong under every seed and model."""
        spec = TrialSpec(
            architecture=ArchitectureSpec(
                full_name=full_name or f"zoo/{model}", display_name=model, provider=PROVIDER, options=options or {}
            ),
            dataset=DatasetSpec(full_name=f"zoo/{data}", display_name=data, provider=PROVIDER),
            recipe=RecipeSpec(
                full_name=f"zoo/{recipe}",
                display_name=recipe,
                provider=PROVIDER,
                hyperparameters={"lr": 0.1, "batch_size": 64, **(hyperparameters or {})},
            ),
            seed=seed,
            execution=ExecutionSpec(**{"precision": "fp32", "small_images": "off", **(execution or {})}),
        )
        key = hashlib.sha256(
            repr((spec.model_dump(), fingerprint, environment, outcome, measurement_key, origin)).encode()
        ).hexdigest()
        trial_id = f"trial-{seed}-{key[:12]}"
        folder = self.root / trial_id
        folder.mkdir(parents=True)
        done = outcome is Outcome.DONE
        measured: dict[str, MetricValue] = {}
        if done:
            correct = self._correctness(key, accuracy or 0.0, num_test, image_noise)
            if predictions:
                self._save(folder, correct, fingerprint)
            measured = {
                "accuracy": MetricValue(value=float(correct.mean())),
                "macro_f1": MetricValue(value=float(correct.mean()) * 0.99),
                **{name: MetricValue(value=value) for name, value in (metrics or {}).items()},
            }
        record = Record(
            trial_id=trial_id,
            result_key=key,
            measurement_key=measurement_key,
            outcome=outcome,
            reason=reason,
            failure=Failure(kind=failure[0], message=failure[1]) if failure else None,
            spec=spec,
            model=ModelInfo(
                params=params,
                trainable_params=params,
                macs=macs,
                mean=(0.5,),
                std=(0.5,),
                small_image_changes=("conv1: stride 2 became 1",) if small else (),
            )
            if done
            else None,
            data=DataInfo(
                fingerprint=fingerprint,
                classes=CLASSES,
                image_size=8,
                channels=1,
                num_train=100,
                num_val=10,
                num_test=num_test,
                notes=notes,
            )
            if done
            else None,
            metrics=measured,
            speed=self._speed(speed) if done and speed else None,
            seconds={"total": 12.0},
            environment=environment or {"torch": "2.11.0+cpu", "device_name": "a cpu", "driver": "", "threads": 2},
            origin=origin,
        )
        write_record(folder, record)
        return folder, record

    @staticmethod
    def _correctness(key: str, accuracy: float, num_test: int, image_noise: float) -> np.ndarray:
        # How hard an image is is the same for all trials; the rest is the trial's own.
        shared = np.random.default_rng(0).normal(size=num_test)
        own = np.random.default_rng(int(key[:8], 16)).normal(size=num_test)
        ease = shared + image_noise * own
        order = np.argsort(-ease, kind="stable")
        correct = np.zeros(num_test)
        correct[order[: round(accuracy * num_test)]] = 1.0
        return correct

    @staticmethod
    def _save(folder: Path, correct: np.ndarray, fingerprint: str) -> None:
        labels = np.arange(len(correct)) % len(CLASSES)
        logits = np.zeros((len(correct), len(CLASSES)), dtype=np.float32)
        logits[np.arange(len(correct)), np.where(correct == 1, labels, (labels + 1) % len(CLASSES))] = 1.0
        # Rows in an order of their own: they are paired by id, not by place.
        order = np.random.default_rng(int(folder.name[-6:], 16)).permutation(len(correct))
        samples = np.arange(len(correct), dtype=np.uint64) + np.uint64(int(fingerprint[:4], 16))
        predictions = Predictions(logits=logits[order], labels=labels[order], classes=CLASSES)
        save_predictions(folder, SavedPredictions(predictions=predictions, samples=samples[order]))

    @staticmethod
    def _speed(images_per_second: float) -> SpeedInfo:
        def rate(value: float) -> Rate:
            return Rate(median=value, low=0.9 * value, high=1.1 * value, windows=5, batch_size=64)

        return SpeedInfo(
            train=rate(images_per_second * 2),
            train_end_to_end=rate(images_per_second),
            inference=rate(images_per_second * 3),
            inference_end_to_end=rate(images_per_second * 1.5),
            latency=Latency(p50_ms=1.25, p95_ms=2.5, runs=100),
            peak_memory_mib=321.4,
        )


@pytest.fixture
def make_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrialFactory:
    """``make_trial("net", seed=1, accuracy=0.9, …)`` writes a trial and returns its folder and record."""
    monkeypatch.setattr("os.fsync", lambda handle: None)  # nothing here is about durability, and disks are slow
    return TrialFactory(tmp_path / "runs")


@pytest.fixture
def make_trials(make_trial: TrialFactory) -> Callable[..., list[tuple[Path, Record]]]:
    """``make_trials("net", seeds=3, …)``: the same for several seeds."""

    def make(model: str = "net", *, seeds: int = 3, **fields: Any) -> list[tuple[Path, Record]]:
        return [make_trial(model, seed=seed, **fields) for seed in range(seeds)]

    return make


OLD, NEW = (
    {"torch": f"{minor}.0+cpu", "device_name": "a cpu", "driver": "", "threads": 2} for minor in ("2.11", "2.12")
)


@pytest.fixture
def side(tmp_path: Path, make_trial):
    """``side("a", "net", seeds=3, …)`` writes trials into a store of that name."""

    def make(store: str, model: str = "net", *, seeds: int = 3, **fields: Any):
        make_trial.root = tmp_path / store
        fields = {"num_test": 1000, "image_noise": 0.0, "environment": OLD if store == "a" else NEW, **fields}
        return [make_trial(model, seed=seed, **fields) for seed in range(seeds)]

    return make
