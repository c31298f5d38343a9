"""The runtimes of finished trials, each in a process of its own, one after another.

What is there is reused. A runtime that fails costs only itself: its failure is its result.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness.bench.follow_up import FollowUpSummary
from harness.bench.processes.jobs import RESULT_FILE
from harness.bench.processes.starter import POLL_SECONDS, Job, Starter
from harness.bench.settings import RunLimits
from harness.measuring.environment import installed_version
from harness.planning.classifiers import GivenClassifier
from harness.records import store as files
from harness.records.provenance import provider_spec
from harness.records.record import Failure, FailureKind, Outcome, Record
from harness.records.runtime_result import (
    ENGINE_VERSION,
    RuntimeResult,
    own_runtime,
    read_result,
    result_name,
    weights_digest,
    write_result,
)
from harness.records.spec import stable_hash
from harness.records.store import Store
from harness.records.trial_lock import trial_lock
from harness.system import oom_killer
from harness.system.atomic_files import writing
from harness.system.interrupts import Interrupts
from harness.system.process_exit import describe_status
from harness.system.staging import scratch_folder
from zoo.catalog import Entry
from zoo.errors import StoreError
from zoo.files.cache import decoded_root
from zoo.files.plain_files import FACTS, read_bytes
from zoo.loading import Sources
from zoo.runtime import Runtime


def run_runtimes(
    records: Iterable[Record],
    runtimes: Sequence[Entry[Runtime]],
    *,
    store: Store,
    sources: Sources,
    tell: Callable[[str], None],
    limits: RunLimits,
    preload: Iterable[str] = (),
    given: Mapping[str, GivenClassifier] = MappingProxyType({}),
) -> FollowUpSummary:
    """Run each trial that is done under each of *runtimes* but its own, unless that has been done.

    Args:
        records: Of trials in *store*.
        runtimes: In the order in which they run.
        store: Where the trials are, and the results go.
        sources: Where the processes find the plugins.
        tell: Called with a sentence before each.
        preload: Modules that all processes need.
        given: Classifiers that trials evaluated, by their keys; all other trials have trained their weights.
        limits: Whether failed runtimes run again, and how long each may take. A failure under other versions of its
            tools always runs again.

    Raises:
        StoreError: If a result cannot be written.
    """
    runner = _Runner(store, sources, preload, limits.timeout)
    interrupts = runner.interrupts
    records = [record for record in records if record.outcome is Outcome.DONE]
    whole = [record for record in records if record.spec.dataset.fold is None and not record.folds]
    due = [
        (record, entry)
        for record in whole
        for entry in {entry.full_name: entry for entry in runtimes}.values()
        if entry.display_name != own_runtime(record)
    ]
    done = reused = not_started = 0
    failures: list[str] = []
    # Each fold has a network of its own, and what they say together is no one network's.
    notes = ["cross-validation folds are not run under other runtimes"] if len(whole) < len(records) else []
    with interrupts.caught(), scratch_folder() as scratch:
        for number, (record, entry) in enumerate(due, start=1):
            if interrupts.count:
                break
            runtime = entry.display_name
            keys = _keys(record, entry)
            title = f"{record.spec.title} under {runtime}"
            result, note = _present(store.folder(record.trial_id), runtime, keys, retry=limits.retry)
            notes += [note] if note else []
            if result is not None:
                reused += 1
            elif limits.is_over():
                not_started += 1
                continue
            else:
                tell(f"{number} of {len(due)}: {title}")
                folder = scratch / str(number)
                folder.mkdir()
                classifier = None if record.spec.classifier is None else given[record.spec.classifier.key]
                result = runner.run(record, runtime, keys, folder, classifier)
                if result is None:
                    if not interrupts.count:
                        notes.append(
                            f"{title}: another process is using that trial; run the same command again to continue"
                        )
                    continue
                done += result.outcome is Outcome.DONE
            if result.failure is not None:
                failures.append(f"{title} failed ({result.failure.kind.value}): {result.failure.message}")
    return FollowUpSummary(
        done=done,
        reused=reused,
        failures=tuple(failures),
        notes=tuple(notes),
        not_started=not_started,
        interrupted=interrupts.count > 0,
    )


def _keys(record: Record, entry: Entry[Runtime]) -> dict[str, Any]:
    """Return the fields of a result that are known before it is there."""
    weights = weights_digest(record)
    tools = {name: installed_version(name) for name in entry.record.libraries}
    basis = {"result": record.result_key, "weights": weights, "runtime": entry.display_name, "engine": ENGINE_VERSION}
    if entry.provider.origin != "built-in":  # zoo's own change with the version of the engine
        basis["code"] = provider_spec(entry).code_hash
    key = stable_hash({**basis, "tools": tools})
    return {"runtime_key": key, "weights_sha256": weights, "tools": tools}


def _present(folder: Path, runtime: str, keys: dict[str, Any], *, retry: bool) -> tuple[RuntimeResult | None, str]:
    """Return the result that is there and need not be made again, and why one that is there does not count."""
    path = folder / result_name(runtime)
    if not path.is_file():
        return None, ""
    try:
        result = read_result(path)
    except StoreError as error:
        return None, f"{error}; the runtime was run again"
    if result.runtime_key != keys["runtime_key"]:
        return None, ""
    if result.outcome is Outcome.FAILED and retry:
        return None, ""
    if any(not (folder / name).is_file() for name in result.files):
        return None, f"{path}: its predictions are missing; the runtime was run again"
    return result, ""


class _Runner:
    """Runs one runtime of one trial at a time."""

    def __init__(self, store: Store, sources: Sources, preload: Iterable[str], timeout: float | None) -> None:
        self.store, self.timeout = store, timeout
        self.sources = dataclasses.asdict(sources)
        self.starter = Starter(preload)
        self.interrupts = Interrupts()

    def run(
        self,
        record: Record,
        runtime: str,
        keys: dict[str, Any],
        scratch: Path,
        classifier: GivenClassifier | None = None,
    ) -> RuntimeResult | None:
        """Return the result, which is in the trial's folder; None: stopped, or another process is at the trial."""
        folder = self.store.folder(record.trial_id)
        kills_before = oom_killer.count_kills()
        job = self.starter.start(
            {
                "kind": "call",
                "function": "harness.runtimes.job:run_runtime",
                "arguments": {
                    "folder": str(folder.resolve()),
                    "runtime": runtime,
                    "cache": str(decoded_root()),
                    "sources": self.sources,
                    "result": keys,
                    "classifier": None if classifier is None else classifier.model_dump(mode="json"),
                },
                "log": str(scratch / files.LOG_FILE),
                "result": str(scratch / RESULT_FILE),
            },
            scratch,
        )
        killed_for = self._watch(job)
        if self.interrupts.count:
            return None
        answer = self._answer(scratch / RESULT_FILE)
        if answer.get("value") == "busy":
            return None
        if answer.get("value"):
            return read_result(folder / result_name(runtime))
        if killed_for is None:
            out_of_memory = oom_killer.killed(job.status, kills_before)
            ending = f"its process ended with {describe_status(job.status, out_of_memory=out_of_memory)}"
            kind = FailureKind.OOM if out_of_memory else FailureKind.KILLED if job.status < 0 else FailureKind.ERROR
            killed_for = Failure(kind=kind, message="; ".join(answer.get("errors", [])) or ending)
        return self._write_failure(record, runtime, keys, killed_for, job.seconds)

    def _watch(self, job: Job) -> Failure | None:
        """Wait for the job; return why it was ended, if it was."""
        while not job.wait(POLL_SECONDS):
            if self.interrupts.count:
                job.kill()
            elif self.timeout is not None and job.seconds > self.timeout:
                job.kill()
                return Failure(kind=FailureKind.TIMEOUT, message=f"it took longer than {self.timeout:g} s")
        return None

    def _answer(self, path: Path) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(read_bytes(path, FACTS)) if path.is_file() else {}
        return answer

    def _write_failure(
        self, record: Record, runtime: str, keys: dict[str, Any], failure: Failure, seconds: float
    ) -> RuntimeResult | None:
        result = RuntimeResult(
            **keys,
            runtime=runtime,
            trial_id=record.trial_id,
            result_key=record.result_key,
            outcome=Outcome.FAILED,
            failure=failure,
            seconds={"total": seconds},
        )
        folder = self.store.folder(record.trial_id)
        with trial_lock(folder) as is_ours:
            if not is_ours:
                return None
            with writing(folder):
                write_result(folder, result)
        return result
