"""Outlines: what of a record tells how long a trial takes, read quickly from thousands of them.

A forecast is no result, so neither the checksums nor the schema of records are checked here: one that is damaged, or
says too little, is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.records.record import Record
from harness.records.spec import TrialSpec
from harness.records.store import RECORD_FILE

_TIMED = ("train", "test", "measure", "total")


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSummary:
    """A trial that is over, as far as time and memory are concerned."""

    spec: TrialSpec
    """Resolved."""
    outcome: str
    failure: str
    """Its kind; empty where there was none."""
    result_key: str
    fingerprint: str
    """Of the data."""
    image_size: int
    """Side in pixels."""
    num_learnt: int
    """Images to train and to validate on."""
    num_test: int
    epochs_run: int
    seconds: dict[str, float]
    """By phase, and ``total``."""
    peak_memory_mib: float | None
    macs: int | None
    device_name: str
    threads: int | None
    sharing: int
    """How many trials could run on the device at a time."""

    @property
    def is_whole(self) -> bool:
        """Whether it ran to its end, so that its times are those of a whole trial."""
        is_of_folds = self.spec.dataset.folds is not None and self.spec.dataset.fold is None
        timed = all(phase in self.seconds for phase in _TIMED)
        return self.outcome == "done" and self.epochs_run > 0 and timed and not is_of_folds


def read_outlines(store: Path) -> Iterator[RunSummary]:
    """Yield the outlines of a store's records; nothing where there is no store."""
    for path in sorted(store.glob(f"*/{RECORD_FILE}")):
        try:
            outline = _outline(json.loads(path.read_bytes()))
        except (OSError, ValueError, RecursionError):
            continue
        if outline is not None:
            yield outline


def outlines_of(records: Iterable[Record]) -> Iterator[RunSummary]:
    """Yield the outlines of those records that have one."""
    for record in records:
        outline = _outline(record.model_dump(mode="json"))
        if outline is not None:
            yield outline


def _outline(raw: Any) -> RunSummary | None:
    """Return the outline of a record as JSON holds it, or None where it ended too early to have one."""
    try:
        data, environment = raw["data"], raw["environment"]
        return RunSummary(
            spec=TrialSpec.model_validate(raw["spec"]),
            outcome=raw["outcome"],
            failure=(raw.get("failure") or {}).get("kind", ""),
            result_key=raw["result_key"],
            fingerprint=data["fingerprint"],
            image_size=data["image_size"],
            num_learnt=data["num_train"] + data["num_val"],
            num_test=data["num_test"],
            epochs_run=(raw.get("training") or {}).get("epochs_run", 0),
            seconds={phase: float(seconds) for phase, seconds in raw["seconds"].items()},
            peak_memory_mib=(raw.get("speed") or {}).get("peak_memory_mib"),
            macs=(raw.get("model") or {}).get("macs"),
            device_name=environment["device_name"],
            threads=environment["threads"],
            sharing=environment.get("trials_on_device", 1),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
