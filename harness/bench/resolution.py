"""Resolution: what only the machine and the data can tell about a plan, found out before any trial runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from harness.bench.jobs import RESULT_FILE
from harness.bench.processes import Starter, visible_devices
from harness.bench.settings import DataSettings
from harness.data.images import PreparedData
from harness.planning.plan import Plan
from harness.planning.small_images import adapts_by_default
from harness.records import store as files
from harness.records.history import HistoryTail
from harness.records.keys import result_key
from harness.records.spec import DatasetSpec, ExecutionSpec, FrozenModel, Precision, TrialSpec, stable_hash
from harness.system.interrupts import Interrupts
from harness.system.process_exit import describe_status, last_line
from zoo.errors import ManyErrors, UsageError, ZooError
from zoo.events import Event, Progress

POLL_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolvedTrial:
    """A trial that is ready to run."""

    spec: TrialSpec
    trial_id: str
    result_key: str
    prepared: PreparedData
    number: int


class AnswersJobs(Protocol):
    """Asks where trials are to run what only that place can tell."""

    emit: Callable[[Event], None]

    def ask(self, kind: str, **values: Any) -> Any:
        """Run one job of a kind of :mod:`harness.bench.jobs` there and return its answer."""


class Machine(FrozenModel):
    """What runs the trials."""

    device: str
    """What ``--device`` came to: ``cpu``, ``mps`` or ``cuda:N``."""
    precision: Precision
    num_gpus: int
    environment: dict[str, Any]
    """As in a record."""


class Stopped(Exception):
    """The user stopped the bench before any trial ran."""


class JobRunner:
    """Runs the jobs that come before the trials: looking at the machine, and preparing data."""

    def __init__(
        self,
        starter: Starter,
        scratch: Path,
        emit: Callable[[Event], None],
        interrupts: Interrupts,
        sources: dict[str, Any],
    ) -> None:
        self.starter, self.scratch, self.emit, self.interrupts = starter, scratch, emit, interrupts
        self.sources = sources
        self.count = 0

    def ask(self, kind: str, **values: Any) -> Any:
        """Run one job and return its answer.

        Raises:
            ZooError: With the sentences that the job answered.
        """
        self.count += 1
        folder = self.scratch / str(self.count)
        folder.mkdir()
        result, history, log = folder / RESULT_FILE, folder / files.HISTORY_FILE, folder / files.LOG_FILE
        paths = {"result": str(result), "history": str(history), "log": str(log)}
        job = self.starter.start(
            {"kind": kind, "variables": visible_devices(), "sources": self.sources, **paths, **values}, folder
        )
        tail = HistoryTail(history)
        over = False
        while not over:
            over = job.wait(POLL_SECONDS)
            for row in tail.new_rows():  # also what a short job said before it was over
                self.emit(Progress(message=str(row["message"]), share=row["share"]))
            if self.interrupts.count and not over:
                job.kill()
                raise Stopped
        if not result.exists():
            raise ZooError(f"the process that should {kind} ended with {describe_status(job.status)}: {last_line(log)}")
        answer = json.loads(result.read_bytes())
        if "errors" in answer:
            raise ManyErrors([UsageError(sentence) for sentence in answer["errors"]])
        return answer["value"]


def resolve(
    plan: Plan,
    scout: AnswersJobs,
    *,
    arrange: Callable[[Machine, ExecutionSpec], int],
    data: DataSettings,
) -> list[ResolvedTrial]:
    """Find out what only the machine and the data can tell, and give each trial its key.

    Args:
        arrange: Given the machine and how trials are to be executed, decides where they run, and returns how many CPU
            threads each of them gets.
    """
    if not plan.trials:
        return []
    errors: list[ZooError] = []
    execution = plan.trials[0].execution
    scout.emit(Progress(message="starting"))
    threads = 0
    try:
        machine = Machine.model_validate(
            scout.ask(
                "probe",
                device=execution.device,
                precision=execution.precision,
                compile=execution.compile,
                threads=execution.threads,
            )
        )
        threads = arrange(machine, execution)
    except ZooError as error:
        errors.append(error)
    prepared: dict[str, PreparedData] = {}
    for dataset in plan.datasets:
        scout.emit(Progress(message=f"preparing {dataset.display_name}"))
        try:
            answer = scout.ask(
                "prepare",
                dataset=dataset.model_dump(mode="json"),
                data_root=str(data.data_root),
                cache=str(data.cache),
                download=data.download,
                cache_limit=data.cache_limit,
            )
        except ZooError as error:
            errors.append(error)
        else:
            prepared[_dataset_key(dataset)] = PreparedData.model_validate(answer)
    ManyErrors.raise_if(errors)
    return [
        _resolve_trial(spec, prepared[_dataset_key(spec.dataset)], machine, threads, number)
        for number, spec in enumerate(plan.trials, start=1)
    ]


def _dataset_key(dataset: DatasetSpec) -> str:
    return stable_hash(dataset.model_dump(mode="json"))


def _resolve_trial(
    spec: TrialSpec, prepared: PreparedData, machine: Machine, threads: int, number: int
) -> ResolvedTrial:
    small = spec.execution.small_images
    if small == "auto":
        small = "on" if adapts_by_default(spec.architecture, prepared.image_size) else "off"
    execution = spec.execution.model_copy(
        update={
            "device": machine.device,
            "precision": machine.precision,
            "small_images": small,
            "threads": threads,
        }
    )
    spec = spec.model_copy(update={"execution": execution})
    key = result_key(spec, fingerprint=prepared.fingerprint, torch_version=machine.environment["torch"])
    return ResolvedTrial(
        spec=spec, trial_id=files.trial_id(spec, key), result_key=key, prepared=prepared, number=number
    )
