"""What items share: where and how they run, and how their outcome is told."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

ALL_TRAINING_IMAGES = 45_000
"""Training images of all of CIFAR-10, without the validation split; accuracy targets hold for these."""
ZOO = (sys.executable, "-c", "from zoo.cli import main; main()")


class Verdict(StrEnum):
    """What came of an item."""

    PASSED = "passed"
    FAILED = "falls short"
    NOTED = "noted"
    """It has a figure, and no target that applies here."""
    REHEARSED = "rehearsed"
    BROKEN = "broken"
    """It did not come to a figure."""


@dataclass(kw_only=True)
class Outcome:
    """An item's figure, as a sentence and as numbers."""

    figure: str
    passed: bool | None
    """Whether it meets the target; None: the target does not apply."""
    notes: list[str] = field(default_factory=list)
    values: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Item:
    """Something to accept."""

    name: str
    summary: str
    target: str
    part: int
    limit_seconds: float
    run: Callable[[Context], Outcome]
    profiled: str = ""
    """The network whose training step is profiled if the item falls short."""

    @property
    def least_seconds(self) -> float:
        """Time below which it is not worth beginning."""
        return self.limit_seconds / 3


@dataclass(kw_only=True)
class Context:
    """Where and how items run."""

    out: Path
    data_root: Path | None
    device: str
    rehearse: bool
    commands: list[str] = field(default_factory=list)
    """What was run, as a user would type it."""

    def pick(self, real: Any, tiny: Any) -> Any:
        """Return the setting of the acceptance or that of the rehearsal."""
        return tiny if self.rehearse else real

    def bench_options(self, models: str, *options: str) -> list[str]:
        """Return the arguments of a bench of *models*; in a rehearsal, on few digits for an epoch."""
        data = ["--data", "cifar10", "--data-root", str(self.data_root), "--device", self.device]
        tiny = ["--data", "digits", "--limit-train", "80", "--limit-test", "40", "--epochs", "1", "--device", "cpu"]
        measure = ["--measure-seconds", self.pick("1", "0.02")]
        return ["--models", models, *self.pick(data, tiny), *measure, "--no-plugins", *options]

    def zoo(self, *arguments: str, check: bool = True) -> str:
        """Run a command of zoo, note it, and return its output."""
        self.commands.append(shlex.join(["zoo", *arguments]))
        done = subprocess.run([*ZOO, *arguments], capture_output=True, text=True)
        print(done.stdout, done.stderr, sep="\n", flush=True)
        if check and done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise SystemExit(f"{shlex.join(['zoo', *arguments[:3]])} … failed: {lines[-1] if lines else '?'}")
        return done.stdout

    def bench(self, store: str, models: str, *options: str, check: bool = True) -> list[dict[str, Any]]:
        """Run a bench into a store of its own and return its records; trials that failed before run again.

        In a rehearsal, a trial that fails ends the item: otherwise, it would count as rehearsed.
        """
        folder = self.out / "stores" / store
        self.zoo("bench", *self.bench_options(models, *options), "--retry", "--out", str(folder), check=check)
        found = records(folder)
        if self.rehearse and (bad := failures(found) or ([] if found else ["no trial has a record"])):
            raise SystemExit(bad[0])
        return found

    def trained(self, model: str) -> Path:
        """Return the folder of a trained network, trained once for all items that need one."""
        self.bench("base", model, "--seeds", "1", *self.pick(["--epochs", "3"], []))
        folders = [path.parent for path in sorted((self.out / "stores" / "base").glob("*/record.json"))]
        own = [each for each in folders if read(each)["spec"]["architecture"]["display_name"] == model]
        return max(own, key=lambda each: (each / "record.json").stat().st_mtime)  # a changed zoo trains it anew


def read(folder: Path) -> dict[str, Any]:
    """Return a trial's record."""
    record: dict[str, Any] = json.loads((folder / "record.json").read_text())
    return record


def records(store: Path) -> list[dict[str, Any]]:
    """Return the records of a store."""
    return [read(path.parent) for path in sorted(store.glob("*/record.json"))]


def accuracy(record: dict[str, Any]) -> float:
    """Return the accuracy in percent; 0 if there is none."""
    return 100 * float((record["metrics"].get("accuracy") or {"value": 0})["value"] or 0)


def failures(found: Sequence[dict[str, Any]]) -> list[str]:
    """Return a sentence for each trial that is not done."""
    return [f"{each['trial_id']}: {each['outcome']}, {each['reason']}" for each in found if each["outcome"] != "done"]


def has_all_images(found: Sequence[dict[str, Any]]) -> bool:
    """Return whether the trials trained on all of CIFAR-10."""
    return all(each["data"]["num_train"] >= ALL_TRAINING_IMAGES for each in found)


def speed(record: dict[str, Any], name: str) -> float:
    """Return a median rate of a record; 0 if it was not measured."""
    return float(((record.get("speed") or {}).get(name) or {"median": 0})["median"])
