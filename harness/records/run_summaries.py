"""Run summaries: the parts of a record that a forecast needs, read quickly from thousands of records.

A forecast is not a result, so neither the checksums nor the schema of records are checked here. Damaged and incomplete
records are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.records.record import Record
from harness.records.spec import TrialSpec
from harness.records.store import RECORD_FILE
from zoo.files.foreign_json import parse_json
from zoo.files.plain_files import RECORD, read_bytes

_TIMED = ("train", "test", "measure", "total")


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSummary:
    """The time and memory of a past trial."""

    spec: TrialSpec
    """Resolved spec of the trial."""
    outcome: str
    failure: str
    """Kind of failure; empty if the trial did not fail."""
    result_key: str
    fingerprint: str
    """Fingerprint of the data."""
    image_size: int
    """Side of the images in pixels."""
    num_learnt: int
    """Number of training and validation images."""
    num_test: int
    epochs_run: int
    seconds: dict[str, float]
    """Wall time of each phase, and ``total``."""
    peak_memory_mib: float | None
    macs: int | None
    device_name: str
    threads: int | None
    """How many it could have used."""
    pixels: str = ""
    """Hash of the prepared images; empty in records of earlier versions."""
    own_threads: int | None = None
    """How many it used."""
    sharing: int
    """Number of trials that could run on the device at a time."""

    @property
    def is_whole(self) -> bool:
        """Whether the trial ran to the end, so that its times are those of a complete trial."""
        is_of_folds = self.spec.dataset.folds is not None and self.spec.dataset.fold is None
        trains = self.spec.classifier is None
        timed = all(phase in self.seconds for phase in _TIMED if trains or phase != "train")
        return self.outcome == "done" and (self.epochs_run > 0 or not trains) and timed and not is_of_folds


def read_run_summaries(store: Path) -> Iterator[RunSummary]:
    """Yield the summaries of a store's records; nothing if there is no store."""
    for path in sorted(store.glob(f"*/{RECORD_FILE}")):
        try:
            summary = _summary(parse_json(read_bytes(path, RECORD)))
        except (OSError, ValueError):
            continue
        if summary is not None:
            yield summary


def summarize_runs(records: Iterable[Record]) -> Iterator[RunSummary]:
    """Yield the summaries of complete records."""
    for record in records:
        summary = _summary(record.model_dump(mode="json"))
        if summary is not None:
            yield summary


def _summary(raw: Any) -> RunSummary | None:
    """Return the summary of a record in JSON, or None if the trial ended too early to have one."""
    try:
        data, environment = raw["data"], raw["environment"]
        return RunSummary(
            spec=TrialSpec.model_validate(raw["spec"]),
            outcome=raw["outcome"],
            failure=(raw.get("failure") or {}).get("kind", ""),
            result_key=raw["result_key"],
            fingerprint=data["fingerprint"],
            pixels=data.get("pixels", ""),
            image_size=data["image_size"],
            num_learnt=data["num_train"] + data["num_val"],
            num_test=data["num_test"],
            epochs_run=(raw.get("training") or {}).get("epochs_run", 0),
            seconds={phase: float(seconds) for phase, seconds in raw["seconds"].items()},
            peak_memory_mib=(raw.get("speed") or {}).get("peak_memory_mib"),
            macs=(raw.get("model") or {}).get("macs"),
            device_name=environment["device_name"],
            threads=environment.get("available_threads", environment["threads"]),
            own_threads=environment["threads"],
            sharing=environment.get("trials_on_device", 1),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
