"""Benches of toys: tiny networks on 80 images, run here or as a command, with a fault where one is asked for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.bench.bench import BenchSummary, run_bench
from harness.bench.settings import BenchSettings, RunLimits
from harness.data.settings import DataSettings
from harness.planning.plan import make_plan
from harness.planning.request import BenchRequest
from harness.planning.selection import select
from harness.records.history import read_history
from harness.records.record import Record
from harness.records.store import Store
from zoo.loading import Sources, build_catalog

HERE = Path(__file__).parent
STARTED: list[subprocess.Popen[str]] = []
"""Commands started by the test that runs."""
NETS = ("toy_linear", "toy_hidden")
TIMES = ("seconds", "started_at", "speed", "attempts")
"""Fields of a record that tell of time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    """Exit status; negative for the signal that ended it."""
    output: str
    said: str
    """What it wrote to stderr."""


class Resident:
    """A process that runs commands in forks of itself (``resident.py``)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, HERE / "resident.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def call(self, args: list[str], environment: dict[str, str]) -> Ended:
        """Run ``zoo`` with *args* to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        output, said = self._folder / "stdout", self._folder / "stderr"
        asked = {"args": args, "stdout": str(output), "stderr": str(said), "environment": environment}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the resident process ended"
        return Ended(code=int(answer), output=output.read_text(), said=said.read_text())

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=60)


class ToyBench:
    """Two networks × two seeds, in a folder of its own."""

    def __init__(self, folder: Path, zoo: Path, cache: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.zoo = folder, zoo
        self.cache = cache
        for name in ("toys.py", "faults.py"):
            shutil.copy(HERE / name, folder / name)
        self.store = Store(folder / "runs")

    def set_fault(self, process: str, at: int | Sequence[int], how: str, what: str = "writes") -> None:
        """Ask for a fault at the place of that number in every such process, or of one of them each; 0 only counts."""
        for name in ("places.txt", "struck.txt"):
            (self.folder / name).unlink(missing_ok=True)
        (self.folder / "fault.json").write_text(json.dumps({"process": process, "at": at, "how": how, "what": what}))

    def no_fault(self) -> None:
        """Ask for no fault any more."""
        (self.folder / "fault.json").unlink(missing_ok=True)

    def places(self) -> list[list[str]]:
        """Return the names of the places passed since a fault was asked for, a list for each process."""
        by_process: dict[str, list[str]] = {}
        for line in self._lines("places.txt"):
            pid, _, name = line.split(" ", 2)
            by_process.setdefault(pid, []).append(name)
        return list(by_process.values())

    def num_struck(self) -> int:
        """Return how many processes a fault has struck."""
        return len({line.split(" ")[0] for line in self._lines("struck.txt")})

    def _lines(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text().split("\n")[:-1] if path.exists() else []

    def run(
        self,
        *,
        models: tuple[str, ...] = NETS,
        seeds: int = 2,
        recipe: str = "quick",
        retry: bool = False,
        **asked: object,
    ) -> BenchSummary:
        """Run it in this process, so that all share one fork server; *asked* is for the toys that want more."""
        files = tuple(str(self.folder / name) for name in ("toys.py", "faults.py"))
        sources = Sources(files=files, entry_points=False, strict=True)
        raw = {"models": models, "data": ["shades"], "recipes": [recipe], "seeds": seeds, "measure_seconds": 0}
        (self.folder / "asked.json").write_text(json.dumps(asked))
        return run_bench(
            make_plan(select(BenchRequest.model_validate(raw), build_catalog(sources))),
            store=self.store,
            sources=sources,
            emit=lambda event: None,
            settings=BenchSettings(
                data=DataSettings(data_root=self.folder / "data", cache=self.cache / "decoded"),
                limits=RunLimits(retry=retry),
            ),
        )

    def start(self, **what: Any) -> subprocess.Popen[str]:
        """Start it as the command, the leader of a process group; its table comes as CSV."""
        process = subprocess.Popen(
            [self.zoo, *self._arguments(**what)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, **self._environment},
        )
        STARTED.append(process)
        return process

    def call(self, resident: Resident, **what: Any) -> Ended:
        """Run it as the command, in a fork of a resident process."""
        return resident.call(self._arguments(**what), self._environment)

    def _arguments(
        self, *, models: tuple[str, ...] = NETS, seeds: int = 2, recipe: str = "quick", more: tuple[str, ...] = ()
    ) -> list[str]:
        plugins = [part for name in ("toys.py", "faults.py") for part in ("--plugin", str(self.folder / name))]
        asked = ["--models", ",".join(models), "--data", "shades", "--recipes", recipe, "--seeds", str(seeds)]
        fixed = ["--measure-seconds", "0", "--out", str(self.store.root), "-q", "--format", "csv", "--no-plugins"]
        return ["bench", *asked, *fixed, *plugins, *more]

    @property
    def _environment(self) -> dict[str, str]:
        return {"ZOO_CACHE": str(self.cache)}

    def content(self) -> dict[str, Any]:
        """Return all that a store says, times apart."""
        return {record.trial_id: told(folder, record) for folder, record in self.store.records()}


def told(folder: Path, record: Record) -> dict[str, Any]:
    """Return all that one trial says, times apart."""
    said = record.model_dump(mode="json", exclude={*TIMES, "files"})
    if said["training"]:
        del said["training"]["seconds"]
    if said["tuning"]:  # how it was chosen is a matter of time
        said["tuning"] = {name: said["tuning"][name] for name in ("layout", "compile")}
    said["spec"]["execution"].pop("measure_shares")  # that of the call: how many seeds share a measurement
    epochs = [row for row in read_history(folder / "history.jsonl") if row["event"] == "epoch"]
    losses = [(row["epoch"], row["train_loss"], row["val_loss"], row["val_accuracy"]) for row in epochs]
    files = {name: (folder / name).read_bytes() for name in ("predictions.safetensors", "checkpoint.safetensors")}
    left = sorted(path.name for path in folder.iterdir() if path.name.startswith((".tmp-", "state-")))
    return {"record": said, "epochs": losses, "left over": left, **files}


@pytest.fixture(autouse=True)
def _no_command_outlives_its_test() -> Iterator[None]:
    """End what a test that failed left running: it would take the cores from the tests that follow."""
    yield
    while STARTED:
        with STARTED.pop() as process:
            process.kill()


@pytest.fixture(scope="session")
def make_bench(
    tmp_path_factory: pytest.TempPathFactory, zoo_script: Path, make_cache: Callable[[], Path]
) -> Callable[..., ToyBench]:
    """Make a bench in a new folder; ``cache`` may be one that it shares with others."""
    return lambda cache=None: ToyBench(tmp_path_factory.mktemp("bench"), zoo_script, cache or make_cache())


@pytest.fixture(scope="session")
def resident(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resident]:
    """A process that runs commands in forks of itself."""
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork here")
    process = Resident(tmp_path_factory.mktemp("resident"))
    yield process
    process.close()


@pytest.fixture(scope="session")
def clean(make_bench: Callable[[], ToyBench]) -> dict[str, Any]:
    """What a bench that nothing disturbs leaves."""
    bench = make_bench()
    assert bench.run().counts == {"done": 4}
    return bench.content()
