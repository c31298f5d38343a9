"""Remote trials: run by an executor on other machines; their records are written here, under the trial's lock."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from harness.bench.crashes import failed_record, unfinished_record
from harness.bench.local_trials import TrialOver
from harness.bench.machine import Machine
from harness.bench.remote.cluster import Cluster
from harness.bench.remote.messages import SENT_FILES, decode_event
from harness.bench.remote.sent_classifiers import classifier_file
from harness.bench.settings import RunLimits
from harness.bench.slots import SlotRequest
from harness.records import store as files
from harness.records.record import Failure, FailureKind, Outcome, Record
from harness.records.spec import ExecutionSpec
from harness.records.state_files import is_state_name, is_whole, state_files
from harness.records.store import Store
from harness.records.trial_lock import LOCK_FILE
from harness.system.atomic_files import write_bytes, writing
from harness.trial.distributed.devices import check_together
from harness.trial.resolved_trial import ResolvedTrial
from zoo.errors import StoreError, UsageError
from zoo.events import Event
from zoo.executor import TaskEnded, TaskEvent, TaskMessage, TaskStarted

MAX_LOST = 3
"""How often a trial is restarted after its worker or node was lost."""
KILL_SECONDS = 10.0
"""How long a bench that has to end at once waits for the nodes to answer."""


class RemoteTrials:
    """Hands trials to an executor, and writes what comes back.

    A trial's folder is locked from its start until its record is written, as for a local trial, so that other benches
    on the same store leave it alone. What a node sends is checked against its trial before it is written.

    Args:
        cluster: The nodes.
        slots: How many trials run at a time; without a number, as many as the nodes have room for.
        limits: Whether failed trials run again, and the time limit of a trial.
    """

    def __init__(self, store: Store, cluster: Cluster, slots: SlotRequest, *, limits: RunLimits) -> None:
        self._store, self._cluster, self._slots = store, cluster, slots
        self._limits = limits
        self._cpus = self._gpus = 1.0
        self._running: dict[str, _Running] = {}
        """The trials that are running, by the IDs of their tasks."""
        self._over: deque[TrialOver] = deque()
        self._num_tasks = 0
        self._stopping = False
        self._killed_at: float | None = None

    def arrange(self, machine: Machine, execution: ExecutionSpec, num_trials: int) -> int:
        """Decide which resources each trial requests of its node, and return its number of CPU threads.

        Raises:
            UsageError: If no node has these resources.
        """
        nodes = self._cluster.workers.nodes()
        share = self._slots.jobs_per_device
        if self._slots.devices is not None:
            raise UsageError("--devices selects GPUs of this machine, and does not apply with --executor")
        asked = execution.gpus_per_trial
        check_together(machine.device, asked, num_gpus=max(asked, machine.num_gpus), compile=execution.compile)
        if machine.device.startswith("cuda"):
            self._gpus = asked if asked > 1 else 1 / share
            fit = [node for node in nodes if node.gpus >= max(1.0, self._gpus)]
            if not fit:
                raise UsageError(f"--gpus-per-trial {asked}: no node has that many GPUs")
            fair = min(node.cpus / node.gpus for node in fit) * self._gpus
        else:
            self._gpus = 0.0
            fair = min(node.cpus for node in nodes) / share
        self._cpus = float(execution.threads or max(1, int(fair)))
        if not self.capacity():
            raise UsageError(f"no node has {self._cpus:g} CPUs for a trial; set a smaller --threads")
        return int(self._cpus)

    def has_room(self) -> bool:
        """Return whether another trial can start now."""
        return len(self._running) < self.capacity()

    def is_idle(self) -> bool:
        """Return whether no trial is running, and the end of each has been reported."""
        return not self._running and not self._over

    def start(self, trial: ResolvedTrial, before: Record | None, companions: Sequence[ResolvedTrial] = ()) -> None:
        """Hand a trial over.

        Args:
            companions: None are ever given: seeds train together on this machine only.

        Raises:
            StoreError: If its folder cannot be made.
        """
        folder = self._store.folder(trial.trial_id)
        lock = FileLock(folder / LOCK_FILE)
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                self._over.append(TrialOver(trial=trial, record=None))
                return
        self._submit(_Running(trial=trial, lock=lock, folder=folder))

    def poll(self, seconds: float) -> Iterator[Event | TrialOver]:
        """Wait up to *seconds* for events, and yield them.

        Raises:
            StoreError: If what came back cannot be written.
        """
        for event in self._cluster.workers.poll(0.0 if self._over else seconds):
            run = self._running.get(event.task_id)  # none of one that was given up: it may still be heard of
            if run is not None:
                yield from self._hear(event.task_id, run, event)
        if self._killed_at is not None and time.monotonic() - self._killed_at > KILL_SECONDS:
            for task_id, run in list(self._running.items()):  # nothing is heard of them any more
                self._settle(task_id, run, self._interrupted(run))
        while self._over:
            yield self._over.popleft()

    def stop(self) -> None:
        """Ask every trial to save and stop."""
        self._stopping = True
        for task_id in list(self._running):
            self._cluster.workers.stop(task_id)

    def kill(self) -> None:
        """End every trial at once."""
        self._stopping = True
        self._killed_at = time.monotonic()
        for task_id in list(self._running):
            self._cluster.workers.kill(task_id)

    def capacity(self) -> int:
        """Return how many trials the nodes have room for at a time; nodes may come and go."""
        room = 0
        for node in self._cluster.workers.nodes():
            by_gpus = int(node.gpus / self._gpus + 1e-6) if self._gpus else 10**9
            room += min(int(node.cpus / self._cpus + 1e-6), by_gpus)
        return min(room, self._slots.jobs or room)

    def _submit(self, run: _Running) -> None:
        trial = run.trial
        self._num_tasks += 1
        task_id = f"{self._num_tasks}-{trial.trial_id}"  # new each time: of a lost task something may still be heard
        self._running[task_id] = run
        self._cluster.workers.submit(
            self._cluster.task(
                task_id,
                cpus=self._cpus,
                gpus=self._gpus,
                node=run.node,
                files={**_resumable(run.folder), **classifier_file(trial)},
                kind="trial",
                trial=trial,
                sharing=self._slots.jobs_per_device,
                retry=self._limits.retry,
                keeps_features=self._limits.keeps_features,
                timeout=self._limits.timeout,
            )
        )
        run.since = time.monotonic()

    def _hear(self, task_id: str, run: _Running, event: TaskEvent) -> Iterator[Event]:
        if isinstance(event, TaskStarted):
            run.node = event.node
        elif isinstance(event, TaskMessage):
            yield from self._read(task_id, run, event.message, event.content)
        elif isinstance(event, TaskEnded):
            self._end_without_record(task_id, run, event)

    def _read(self, task_id: str, run: _Running, message: Mapping[str, Any], content: bytes) -> Iterator[Event]:
        kind = message["kind"]
        if kind == "event" and message["fields"]["trial_id"] == run.trial.trial_id:
            yield decode_event(message)
        elif kind == "file":
            self._write(run, str(message["name"]), content)
        elif kind == "record":
            self._take_record(task_id, run, content)
        elif kind == "busy":
            self._release(task_id, run, None)
        elif kind == "errors":
            self._fail(task_id, run, FailureKind.DATA, "; ".join(map(str, message["sentences"])))
        elif kind == "refused":
            self._fail(task_id, run, FailureKind.ERROR, str(message["problem"]))

    def _write(self, run: _Running, name: str, content: bytes) -> None:
        """Write one of a trial's files; files that no trial writes are ignored."""
        if is_state_name(name):
            if not is_whole(name, content):
                return
            older = state_files(run.folder)
            with writing(run.folder):
                write_bytes(run.folder / name, content)
                for path in older:
                    if path.name != name:
                        path.unlink(missing_ok=True)
        elif name in SENT_FILES:
            with writing(run.folder):
                write_bytes(run.folder / name, content)
            run.sums[name] = hashlib.sha256(content).hexdigest()

    def _take_record(self, task_id: str, run: _Running, content: bytes) -> None:
        try:
            record = files.parse_record(content, origin=f"what node {run.node} sent")
        except StoreError as error:
            self._fail(task_id, run, FailureKind.ERROR, str(error))
            return
        if (record.trial_id, record.result_key) != (run.trial.trial_id, run.trial.result_key):
            self._fail(task_id, run, FailureKind.ERROR, f"node {run.node} sent the record of another trial")
        elif damaged := [name for name, sha256 in record.files.items() if run.sums.get(name) != sha256]:
            problem = f"node {run.node} sent {', '.join(damaged)} damaged, or not at all"
            self._fail(task_id, run, FailureKind.ERROR, problem)
        else:
            self._settle(task_id, run, record)

    def _end_without_record(self, task_id: str, run: _Running, event: TaskEnded) -> None:
        """Restart a trial whose worker was lost, or let it fail."""
        where = f" on node {event.node or run.node}" if event.node or run.node else ""
        if self._stopping:
            self._settle(task_id, run, self._interrupted(run))
        elif not event.lost:
            self._fail(task_id, run, FailureKind.ERROR, event.problem or f"its task ended{where} without a record")
        elif run.lost >= MAX_LOST:
            problem = f"its worker was lost {run.lost + 1} times, the last time{where}: {event.problem}"
            self._fail(task_id, run, FailureKind.KILLED, problem)
        else:
            run.lost += 1
            del self._running[task_id]
            self._submit(run)

    def _interrupted(self, run: _Running) -> Record:
        return unfinished_record(
            run.trial, outcome=Outcome.INTERRUPTED, reason="stopped by the user", seconds=time.monotonic() - run.since
        )

    def _fail(self, task_id: str, run: _Running, kind: FailureKind, problem: str) -> None:
        if self._stopping:
            self._settle(task_id, run, self._interrupted(run))
            return
        failure = Failure(kind=kind, message=problem)
        self._settle(task_id, run, failed_record(run.trial, failure, seconds=time.monotonic() - run.since))

    def _settle(self, task_id: str, run: _Running, record: Record) -> None:
        with writing(run.folder):
            files.write_record(run.folder, record)
        if not files.keeps_states(record):
            self._store.remove_states(run.trial.trial_id)
        self._release(task_id, run, record)

    def _release(self, task_id: str, run: _Running, record: Record | None) -> None:
        del self._running[task_id]
        run.lock.release()
        self._over.append(TrialOver(trial=run.trial, record=record))


def _resumable(folder: Path) -> dict[str, bytes]:
    """Return the newest training state of a trial's folder and the history of its epochs, or nothing."""
    found = {state.name: state.read_bytes() for state in state_files(folder)[:1]}
    history = folder / files.HISTORY_FILE
    return {**found, files.HISTORY_FILE: history.read_bytes()} if found and history.exists() else found


@dataclass(kw_only=True, eq=False)
class _Running:
    """A trial that was handed over."""

    trial: ResolvedTrial
    lock: FileLock
    folder: Path
    node: str = ""
    """The node that it ran on last, where it can continue if it is lost."""
    lost: int = 0
    since: float = 0.0
    sums: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each file that was written, by file name."""
