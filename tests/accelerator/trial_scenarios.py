"""Scenarios that run whole trials on the CPU and on the pretend accelerator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from toy_training import ACCELERATOR, CATALOG, CPU, DEVICE, EVERYTHING, make_data

from harness.batches.forward_settings import Precision
from harness.data.images import PreparedData
from harness.records.predictions import load_predictions
from harness.records.record import Record
from harness.records.spec import ArchitectureSpec, DatasetSpec, ExecutionSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.records.store import read_record
from harness.trial.job import TrialJob
from harness.trial.resolved_trial import ResolvedTrial
from harness.trial.trial import run_trial


def whole_trial(
    model: str, data: PreparedData, folder: Path, *, precision: Precision = "fp32", recipe: str = "sgd_quick"
) -> dict[str, Any]:
    """Run a trial with all its phases on both devices."""
    provider, entry = ProviderSpec(plugin="plugins"), CATALOG.architectures.get(model)

    def run(device: torch.device) -> tuple[Record, Any]:
        hyperparameters = CATALOG.recipes.get(recipe).record.hyperparameters().model_dump(mode="json")
        settings = {"pretrained": False} if recipe == "probe" else {**EVERYTHING, "epochs": 2}
        spec = TrialSpec(
            architecture=ArchitectureSpec(
                full_name=entry.full_name,
                display_name=model,
                provider=provider,
                options=dict(entry.record.options),
            ),
            dataset=DatasetSpec(full_name="p/set", display_name="set", provider=provider),
            recipe=RecipeSpec(
                full_name=CATALOG.recipes.get(recipe).full_name,
                display_name=recipe,
                provider=provider,
                hyperparameters={**hyperparameters, **settings},
            ),
            seed=0,
            execution=ExecutionSpec(
                device=str(device),
                precision=precision,
                threads=1,
                small_images="off",
                measure_seconds=0.01,
                layout="channels_last",
                compile="off",
            ),
        )
        place = folder / device.type
        place.mkdir()
        ACCELERATOR.reset_counts()
        job = TrialJob(trial=ResolvedTrial(spec=spec, result_key="key", prepared=data), folder=str(place))
        assert run_trial(job, CATALOG)
        record = read_record(place / "record.json")
        assert record.failure is None, record.failure.message + record.failure.traceback
        return record, load_predictions(place).predictions.logits

    (on_cpu, expected), (record, logits) = run(CPU), run(DEVICE)
    assert record.speed is not None
    assert record.training is not None
    assert on_cpu.training is not None
    return {
        "features": None if record.features is None else record.features.num_computed,
        "outcome": record.outcome,
        "autocasts": ACCELERATOR.counts["autocasts"],
        "warnings": record.warnings,
        "difference": float(np.abs(logits - expected).max()),
        "loss": [on_cpu.training.final_train_loss, record.training.final_train_loss],
        "metrics_agree": {name: value.value for name, value in record.metrics.items()}
        == {name: value.value for name, value in on_cpu.metrics.items()},
        "environment": {name: record.environment[name] for name in ("device", "device_name", "device_memory_mib")},
        "peak_memory_mib": record.speed.peak_memory_mib,
        "resident_images_mib": record.speed.resident_images_mib,
        "measured": sorted(
            name
            for name in ("train", "train_end_to_end", "inference", "inference_end_to_end", "latency", "reference")
            if getattr(record.speed, name) is not None
        ),
    }


def lenet_trial(folder: Path) -> dict[str, Any]:
    return whole_trial("lenet5", make_data(folder, size=32, channels=1), folder)


def resnet_trial(folder: Path) -> dict[str, Any]:
    return whole_trial("resnet20_cifar", make_data(folder), folder)


def features_trial(folder: Path) -> dict[str, Any]:
    """Features of all images, and a head that is fitted to them."""
    return whole_trial("resnet20_cifar", make_data(folder), folder, recipe="probe")


def bf16_trial(folder: Path) -> dict[str, Any]:
    return whole_trial("lenet5", make_data(folder, size=32, channels=1), folder, precision="bf16")
