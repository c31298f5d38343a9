"""Runtime results: the results of a trial's trained weights with another runtime. Does not need torch.

A runtime changes neither the training nor the trial's record. Its result is a separate file in the trial's folder,
written after the trial, along with its own predictions::

    timm-resnet18--cifar10--sgd_step--s0--1f0c.../
      record.json  predictions.safetensors …
      runtime-onnx.json  predictions-onnx.safetensors

Runtimes are plugins (:mod:`zoo.runtime`); ``eager`` and ``compile`` are what a trial itself may have run with.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from harness.records.predictions import FILE_NAME
from harness.records.record import Failure, MetricValue, Outcome, Record, SpeedInfo
from harness.records.spec import FrozenModel, Identifier, stable_hash
from harness.records.store import CHECKPOINT_FILE, parse_summed, write_summed
from zoo.errors import StoreError
from zoo.files.plain_files import RECORD, read_bytes

SCHEMA_VERSION = 1
ENGINE_VERSION = 1
"""Incremented whenever a runtime gives different predictions for the same weights and versions of its tools."""

RUNTIMES = ("eager", "compile", "onnx", "int8")
"""Runtimes that tables show first, in this order; others follow by name."""
_PREFIX, _SUFFIX = "runtime-", ".json"


class RuntimeResult(FrozenModel):
    """The results of a trial's weights with a runtime."""

    schema_version: int = SCHEMA_VERSION
    """Version of this format."""
    runtime: str = Field(pattern=r"^[a-z0-9][a-z0-9._/-]*$", max_length=256)
    """Name of the runtime."""
    trial_id: Identifier
    """ID of the trial that trained the weights."""
    result_key: Identifier
    """Result key of that trial."""
    weights_sha256: Identifier
    """SHA-256 of the file of these weights."""
    runtime_key: Identifier
    """Hash of everything that can change the predictions: result, weights, runtime, versions of its tools."""
    tools: dict[str, str]
    """Versions of the libraries that converted and ran the network."""
    outcome: Outcome
    """How it ended: ``done`` or ``failed``."""
    failure: Failure | None = None
    """What failed, if the outcome is ``failed``."""
    conditions: dict[str, Any] = Field(default_factory=dict)
    """The conditions its speeds were measured under, without the runtime: the fields of
    :func:`harness.records.keys.measurement_fields` at that time."""
    metrics: dict[str, MetricValue] = Field(default_factory=dict)
    """Metric values by the metric's display name."""
    speed: SpeedInfo | None = None
    """Inference speed; None if it was not measured."""
    conversion_seconds: float | None = None
    """Time to convert the network for the runtime: export, calibration, quantisation or compilation."""
    file_bytes: int | None = None
    """Size of the file that the runtime loads, or of the weights if it has no file."""
    quantization: dict[str, Any] | None = None
    """How the network was quantised (the fields of :class:`harness.classifiers.quantizing.Quantization`)."""
    max_difference: float | None = None
    """Maximum absolute difference between its test logits and the trial's."""
    top1_agreement: float | None = None
    """Share of test images with the same top-1 class as in the trial."""
    seconds: dict[str, float] = Field(default_factory=dict)
    """Wall time of each phase, and ``total``."""
    environment: dict[str, Any] = Field(default_factory=dict)
    """Versions, device and threads."""
    warnings: tuple[str, ...] = ()
    """Warnings for readers of the result."""
    started_at: str = ""
    """Start time in UTC, ISO 8601; informative only."""
    files: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of its predictions, by file name."""

    @property
    def conditions_key(self) -> str:
        """Hash of the conditions of the speed measurements; equal to the trial's if the conditions were the same."""
        return stable_hash(self.conditions)

    @property
    def measurement_key(self) -> str:
        """Hash of everything that can change a speed: the conditions, the runtime, and the versions of its tools."""
        return stable_hash({**self.conditions, "runtime": self.runtime, "tools": self.tools})


class RuntimeRecord(Record):
    """A trial's record with the results of one of its runtimes, for tables; it is computed and never written."""

    runtime: RuntimeResult


def as_record(record: Record, result: RuntimeResult) -> RuntimeRecord:
    """Return *record* with the results of a runtime instead of the trial's own."""
    kept = {name: getattr(record, name) for name in Record.model_fields}
    changed = {
        "trial_id": f"{record.trial_id}@{result.runtime}",
        "measurement_key": result.measurement_key,
        "outcome": result.outcome,
        "failure": result.failure,
        "reason": result.failure.message if result.failure else "",
        "metrics": result.metrics,
        "speed": result.speed,
        "seconds": result.seconds,
        # The torch version used for training distinguishes its row from others.
        "environment": {**result.environment, **{name: record.environment.get(name, "") for name in ("torch",)}},
        "warnings": result.warnings,
        "started_at": result.started_at,
        "attempts": 1,
        "files": result.files,
        "runtime": result,
    }
    return RuntimeRecord.model_construct(**{**kept, **changed})


def runtime_name(record: Record) -> str:
    """Return the runtime of a record; empty for a trial's own record."""
    return record.runtime.runtime if isinstance(record, RuntimeRecord) else ""


def own_runtime(record: Record) -> str:
    """Return the runtime with which a trial itself predicted and was timed."""
    return "compile" if record.tuning is not None and record.tuning.compile else "eager"


def weights_digest(record: Record) -> str:
    """Return the SHA-256 of a trial's weights, or of the only file that it evaluated; empty for published weights,
    which the result key tells apart.
    """
    evaluated = record.origin.files.values() if record.origin is not None else ()
    return record.files.get(CHECKPOINT_FILE) or (next(iter(evaluated)) if len(evaluated) == 1 else "")


def predictions_file(record: Record) -> str:
    """Return the name of the file with the predictions that a record's metrics are computed from."""
    return predictions_name(record.runtime.runtime) if isinstance(record, RuntimeRecord) else FILE_NAME


def predictions_name(runtime: str) -> str:
    """Return the name of the file with a runtime's predictions."""
    return f"predictions-{_in_file_name(runtime)}.safetensors"


def result_name(runtime: str) -> str:
    """Return the name of the file with a runtime's result."""
    return f"{_PREFIX}{_in_file_name(runtime)}{_SUFFIX}"


def _in_file_name(runtime: str) -> str:
    return runtime.replace("/", "--")  # of a full name


def write_result(folder: Path, result: RuntimeResult) -> Path:
    """Write a runtime's result durably, with checksums of its content."""
    path = folder / result_name(result.runtime)
    write_summed(path, result)
    return path


def read_result(path: Path) -> RuntimeResult:
    """Read a runtime's result. Reading never executes any of the content.

    Raises:
        StoreError: If the file cannot be read, is damaged, or has a newer schema.
    """
    try:
        content = read_bytes(path, RECORD)
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error
    result = parse_summed(content, RuntimeResult, SCHEMA_VERSION, what="a runtime's result", origin=str(path))
    if path.name != result_name(result.runtime):
        raise StoreError(f"{path} holds the result of another runtime: {result.runtime}")
    return result


def results_in(folder: Path, record: Record) -> Iterator[RuntimeResult | StoreError]:
    """Yield each runtime result in a trial's folder, or the reason why it does not count; those of RUNTIMES first."""
    first = [result_name(runtime) for runtime in RUNTIMES]
    found = []
    if folder.is_dir():
        with os.scandir(folder) as entries:  # a third of the time that a glob takes
            names = (entry.name for entry in entries)
            found = sorted(name for name in names if name.startswith(_PREFIX) and name.endswith(_SUFFIX))
    for name in sorted(found, key=lambda name: first.index(name) if name in first else len(first)):
        path = folder / name
        try:
            result = read_result(path)
        except StoreError as error:
            yield error
            continue
        # A trial that ran again, for example on a GPU, may have different weights under the same key.
        weights = weights_digest(record)
        if (result.trial_id, result.result_key, result.weights_sha256) == (record.trial_id, record.result_key, weights):
            yield result
        else:
            yield StoreError(f"{path} was made from weights other than those of its trial")
