"""Benches of toys: tiny networks on 80 images, run here or as a command, with a fault where one is asked for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.bench import BenchSummary, run_bench
from harness.history import read_history
from harness.plan import make_plan
from harness.record import Record
from harness.request import BenchRequest
from harness.selection import select
from harness.store import Store
from zoo.loading import Sources, build_catalog

HERE = Path(__file__).parent
NETS = ("toy_linear", "toy_hidden")
TIMES = ("seconds", "started_at", "speed", "attempts")
"""Fields of a record that tell of time."""


class ToyBench:
    """Two networks × two seeds, in a folder of its own."""

    def __init__(self, folder: Path, zoo: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.zoo = folder, zoo
        for name in ("toys.py", "faults.py"):
            shutil.copy(HERE / name, folder / name)
        self.store = Store(folder / "runs")

    def set_fault(self, process: str, at: int, how: str) -> None:
        """Ask for a fault at the place of that number; 0 only counts places."""
        (self.folder / "places.txt").unlink(missing_ok=True)
        (self.folder / "fault.json").write_text(json.dumps({"process": process, "at": at, "how": how}))

    def no_fault(self) -> None:
        """Ask for no fault any more."""
        (self.folder / "fault.json").unlink(missing_ok=True)

    def places(self) -> list[str]:
        """Return the places passed since a fault was asked for."""
        path = self.folder / "places.txt"
        return path.read_text().split("\n")[:-1] if path.exists() else []

    def run(
        self, *, models: tuple[str, ...] = NETS, seeds: int = 2, recipe: str = "quick", retry: bool = False
    ) -> BenchSummary:
        """Run it in this process, so that all share one fork server."""
        files = tuple(str(self.folder / name) for name in ("toys.py", "faults.py"))
        sources = Sources(files=files, entry_points=False, strict=True)
        raw = {"models": models, "data": ["shades"], "recipes": [recipe], "seeds": seeds, "measure_seconds": 0}
        return run_bench(
            make_plan(select(BenchRequest.model_validate(raw), build_catalog(sources))),
            store=self.store,
            sources=sources,
            data_root=self.folder / "data",
            cache=self.folder / "cache",
            emit=lambda event: None,
            retry=retry,
        )

    def start(
        self, *, models: tuple[str, ...] = NETS, seeds: int = 2, recipe: str = "quick", more: tuple[str, ...] = ()
    ) -> subprocess.Popen[str]:
        """Start it as the command, the leader of a process group; its table comes as CSV."""
        plugins = [part for name in ("toys.py", "faults.py") for part in ("--plugin", str(self.folder / name))]
        asked = ["--models", ",".join(models), "--data", "shades", "--recipes", recipe, "--seeds", str(seeds)]
        fixed = ["--measure-seconds", "0", "--out", str(self.store.root), "-q", "--format", "csv", "--no-plugins"]
        return subprocess.Popen(
            [self.zoo, "bench", *asked, *fixed, *plugins, *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "ZOO_CACHE": str(self.folder / "cache")},
        )

    def content(self) -> dict[str, Any]:
        """Return all that a store says, times apart."""
        return {record.trial_id: told(folder, record) for folder, record in self.store.records()}


def told(folder: Path, record: Record) -> dict[str, Any]:
    """Return all that one trial says, times apart."""
    said = record.model_dump(mode="json", exclude={*TIMES, "files"})
    if said["training"]:
        del said["training"]["seconds"]
    epochs = [row for row in read_history(folder / "history.jsonl") if row["event"] == "epoch"]
    losses = [(row["epoch"], row["train_loss"], row["val_loss"], row["val_accuracy"]) for row in epochs]
    files = {name: (folder / name).read_bytes() for name in ("predictions.safetensors", "checkpoint.safetensors")}
    left = sorted(path.name for path in folder.iterdir() if path.name.startswith((".tmp-", "state-")))
    return {"record": said, "epochs": losses, "left over": left, **files}


@pytest.fixture(scope="session")
def make_bench(tmp_path_factory: pytest.TempPathFactory, zoo_script: Path) -> Callable[[], ToyBench]:
    """Make a bench in a new folder."""
    return lambda: ToyBench(tmp_path_factory.mktemp("bench"), zoo_script)


@pytest.fixture(scope="session")
def clean(make_bench: Callable[[], ToyBench]) -> dict[str, Any]:
    """What a bench that nothing disturbs leaves."""
    bench = make_bench()
    assert bench.run().counts == {"done": 4}
    return bench.content()
