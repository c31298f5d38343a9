"""A site of a few rows, some failures among them, made by the real writers."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.records.history import encode_row
from harness.records.keys import result_key
from harness.records.predictions import FILE_NAME, SavedPredictions, save_predictions
from harness.records.record import (
    DataInfo,
    Failure,
    FailureKind,
    MetricValue,
    ModelInfo,
    Outcome,
    Rate,
    Record,
    SpeedInfo,
    TrainingInfo,
)
from harness.records.scoring import score
from harness.records.spec import (
    ArchitectureSpec,
    DatasetSpec,
    ExecutionSpec,
    PretrainingSpec,
    ProviderSpec,
    RecipeSpec,
    TrialSpec,
)
from harness.records.store import HISTORY_FILE, trial_id, write_record
from harness.system.atomic_files import sha256_of
from reports.leaderboard.building import build_leaderboard
from reports.site.build import site_files
from reports.site.folder import SiteSummary, write_site
from reports.site.options import SiteOptions
from reports.trials.reading import read_trials
from zoo import Catalog
from zoo.metric import Predictions

PROVIDER = ProviderSpec(plugin="zoo", distribution="zoobench", version="1", code_hash="c0de" * 16)
FINGERPRINT = "f" * 64


class StoreMaker:
    """Writes trials with real predictions, metrics and histories; the same call writes the same bytes."""

    def __init__(self, root: Path, catalog: Catalog) -> None:
        self.root = root
        self.metrics = list(catalog.metrics)
        root.mkdir(parents=True, exist_ok=True)

    def add(
        self,
        model: str,
        *,
        seed: int = 0,
        skill: float = 2.0,
        data: str = "toy",
        recipe: str = "sgd",
        family: str = "plain",
        classes: tuple[str, ...] = ("cat", "dog", "fox"),
        num_test: int = 120,
        params: int = 270_000,
        speed: float = 1000.0,
        failure: str = "",
        notes: tuple[str, ...] = (),
        warnings: tuple[str, ...] = (),
        device: str = "a cpu",
        started_at: str = "2026-03-01T10:00:00+00:00",
        environment: dict[str, Any] | None = None,
        num_epochs: int = 3,
        measurement_key: str = "m" * 64,
        pretraining: PretrainingSpec | None = None,
    ) -> tuple[Path, Record]:
        """Write one trial; the higher *skill*, the more it has right."""
        spec = TrialSpec(
            architecture=ArchitectureSpec(
                full_name=f"zoo/{model}", display_name=model, family=family, provider=PROVIDER
            ),
            dataset=DatasetSpec(full_name=f"zoo/{data}", display_name=data, provider=PROVIDER),
            recipe=RecipeSpec(
                full_name=f"zoo/{recipe}",
                display_name=recipe,
                provider=PROVIDER,
                hyperparameters={"epochs": num_epochs, "lr": 0.1, "batch_size": 64}
                | ({"pretrained": True} if pretraining else {}),
            ),
            pretraining=pretraining,
            seed=seed,
            execution=ExecutionSpec(device="cpu", precision="fp32", small_images="off", threads=1),
        )
        environment = environment or {
            "torch": "2.11.0",
            "device_name": device,
            "driver": "",
            "threads": 1,
            "zoobench": "0.1.0",
        }
        key = result_key(spec, fingerprint=FINGERPRINT, torch_version=str(environment.get("torch", "")))
        folder = self.root / trial_id(spec, key)
        folder.mkdir()
        common: dict[str, Any] = {
            "trial_id": folder.name,
            "result_key": key,
            "measurement_key": measurement_key,
            "spec": spec,
            "started_at": started_at,
            "seconds": {"total": 12.0},
            "environment": environment,
        }
        if failure:
            record = Record(
                **common,
                outcome=Outcome.FAILED,
                failure=Failure(kind=FailureKind.PLUGIN, message=failure),
                reason=failure,
            )
            write_record(folder, record)
            return folder, record
        draw = zlib.crc32(f"{model}/{data}/{recipe}/{seed}".encode("utf-8", "replace"))
        predictions = self._predict(folder, draw, skill, classes, num_test)
        epochs = [
            {
                "event": "epoch",
                "epoch": epoch,
                "train_loss": 2.0 / epoch,
                "train_accuracy": 1 - 0.5**epoch,
                "val_loss": 1.8 / epoch,
                "val_accuracy": 1 - 0.6**epoch,
            }
            for epoch in range(1, num_epochs + 1)
        ]
        (folder / HISTORY_FILE).write_bytes(b"".join(map(encode_row, epochs)))
        record = Record(
            **common,
            outcome=Outcome.DONE,
            model=ModelInfo(
                params=params, trainable_params=params, macs=params * 9, mean=(0.5,), std=(0.25,), pretrained=False
            ),
            data=DataInfo(
                fingerprint=FINGERPRINT,
                classes=classes,
                image_size=8,
                channels=1,
                num_train=100,
                num_val=10,
                num_test=num_test,
                notes=notes,
            ),
            training=TrainingInfo(
                epochs_run=num_epochs,
                tested_epoch=num_epochs,
                best_val_accuracy=1 - 0.6**num_epochs,
                final_train_loss=2.0 / num_epochs,
                seconds=10.0,
            ),
            metrics=score(predictions, self.metrics).values,
            speed=SpeedInfo(
                inference=Rate(median=speed, low=0.9 * speed, high=1.1 * speed, windows=5, batch_size=64),
                peak_memory_mib=321.4,
            ),
            warnings=warnings,
            files={name: sha256_of(folder / name) for name in (FILE_NAME, HISTORY_FILE)},
        )
        write_record(folder, record)
        return folder, record

    @staticmethod
    def _predict(folder: Path, seed: int, skill: float, classes: tuple[str, ...], num_test: int) -> Predictions:
        shared, own = np.random.default_rng(0), np.random.default_rng(seed)
        labels = np.arange(num_test) % len(classes)
        hardness = shared.normal(size=num_test)
        logits = own.normal(size=(num_test, len(classes))).astype(np.float32)
        logits[np.arange(num_test), labels] += (skill - hardness).astype(np.float32)
        predictions = Predictions(logits=logits, labels=labels, classes=classes)
        samples = shared.integers(1, 2**63, size=num_test, dtype=np.uint64)
        save_predictions(folder, SavedPredictions(predictions=predictions, samples=samples))
        return predictions


@pytest.fixture(scope="session")
def fast_disk() -> None:
    """Nothing here is about durability, and disks are slow."""
    patch = pytest.MonkeyPatch()
    patch.setattr("os.fsync", lambda handle: None)


@pytest.fixture
def store(tmp_path: Path, catalog: Catalog, fast_disk: None) -> StoreMaker:
    """An empty store that trials can be added to."""
    return StoreMaker(tmp_path / "runs", catalog)


def fill(store: StoreMaker) -> StoreMaker:
    """Add a board of two datasets, eleven rows, three seeds and a model that fails."""
    for index in range(9):
        for seed in range(3):
            store.add(
                f"net{index}",
                seed=seed,
                skill=0.4 + 0.35 * index,
                family="deep" if index % 2 else "plain",
                params=10_000 * 3**index,
                speed=90_000.0 / 2**index,
                notes=("no val split in the source",),
            )
    for seed in range(3):
        store.add("broken_net", seed=seed, failure="it cannot take images [2, 1, 8, 8]")
        store.add("net3", seed=seed, data="other", recipe="adam", skill=1.0, device="a gpu")
    return store


@pytest.fixture
def filled(store: StoreMaker) -> StoreMaker:
    """The board of :func:`fill`."""
    return fill(store)


MakeSite = Callable[..., tuple[Path, SiteSummary]]


@pytest.fixture
def make_site(tmp_path: Path) -> MakeSite:
    """``make_site(store)`` writes a site and returns its folder and what was written."""

    def make(store: StoreMaker, folder: str = "site", **options: Any) -> tuple[Path, SiteSummary]:
        return write(store.root, tmp_path / folder, **options)

    return make


def write(store: Path, folder: Path, **options: Any) -> tuple[Path, SiteSummary]:
    """Write the site of a store."""
    trials, _ = read_trials([store])
    files = site_files(build_leaderboard(trials), trials, SiteOptions(**options), earlier=folder)
    return folder, write_site(files, folder)


def block(page: Path, name: str) -> Any:
    """Return the JSON of a page's script block."""
    text = page.read_text(encoding="utf-8")
    start = text.index(f'data-block="{name}">') + len(f'data-block="{name}">')
    return json.loads(text[start : text.index("</script>", start)])


__all__ = ["MetricValue", "StoreMaker", "block", "fill", "write"]
