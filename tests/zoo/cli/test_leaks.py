"""Where test images stand in train, every table of theirs says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from harness.data.prepare import prepare_data
from harness.data.settings import DataSettings
from harness.records.record import DataInfo, MetricValue, Outcome, Record
from harness.records.spec import ArchitectureSpec, DatasetSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.records.store import Store, write_record
from zoo import Catalog

SENTENCE = "1 of 9 test images are also among the training or validation images, pixel for pixel"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder dataset with one test image planted in train, under another name and in another format."""
    root = tmp_path / "photos"
    rng = np.random.default_rng(3)
    for split, count in (("train", 20), ("test", 4)):
        for label in ("cat", "dog"):
            folder = root / split / label
            folder.mkdir(parents=True)
            for i in range(count):
                Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    Image.open(root / "train" / "cat" / "7.png").save(root / "test" / "cat" / "planted.bmp")
    return root


@pytest.mark.parametrize("form", ["table", "markdown", "latex", "json"])
def test_the_note_on_test_images_in_train_reaches_the_footnotes(
    run_zoo: Callable[..., Result], catalog: Catalog, photos: Path, tmp_path: Path, form: str
) -> None:
    provider = ProviderSpec(plugin="p")
    dataset = DatasetSpec(full_name="zoo/folder", display_name="folder:photos", argument=str(photos), provider=provider)
    folder = catalog.datasets.get("folder").record
    prepared = prepare_data(
        folder, dataset, DataSettings(data_root=tmp_path, cache=tmp_path / "cache"), report=lambda *_: None
    )
    record = Record(
        trial_id="trial",
        result_key="k" * 64,
        measurement_key="m" * 64,
        outcome=Outcome.DONE,
        spec=TrialSpec(
            architecture=ArchitectureSpec(full_name="p/net", display_name="net", provider=provider),
            dataset=dataset,
            recipe=RecipeSpec(full_name="p/r", display_name="r", provider=provider, hyperparameters={}),
            seed=0,
        ),
        data=DataInfo(**prepared.model_dump(include=set(DataInfo.model_fields))),
        metrics={"accuracy": MetricValue(value=0.5)},
        environment={"torch": "2.15.0", "device_name": "", "driver": "", "threads": 1},
    )
    store = Store(tmp_path / "runs")
    store.folder("trial").mkdir(parents=True)
    write_record(store.folder("trial"), record)
    shown = run_zoo("rank", str(store.root), "--format", form)
    assert shown.exit_code == 0, shown.stderr
    assert SENTENCE in " ".join(shown.stdout.split())


@pytest.mark.slow
def test_a_bench_on_such_data_has_a_note_under_its_table_and_in_its_files(photos: Path, tmp_path: Path) -> None:
    command = [
        sys.executable, "-c", "from zoo.cli import main; main()", "bench", "--models", "linear", "--data",
        f"folder:{photos}", "--recipes", "sgd_quick", "--epochs", "1", "--seeds", "1", "--measure-seconds", "0",
    ]  # fmt: skip
    environment = {**os.environ, "ZOO_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert SENTENCE in " ".join(done.stdout.split())
    (table,) = json.loads((tmp_path / "runs" / "leaderboard.json").read_text())["tables"]
    assert SENTENCE in table["notes"]
    assert SENTENCE in (tmp_path / "runs" / "leaderboard.md").read_text()
