"""A node: runs the tasks of a bench on another machine.

:func:`work` is the function of every task (:data:`zoo.executor.TaskFunction`). A trial runs as on the bench's own
machine: in a process of its own, in a store, which is a folder in the node's cache. Its files are sent to the bench,
which writes them to its own store. If a task is lost, the trial continues from what its folder on the node holds, or
from the last training state that the bench received.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from harness.bench.job_runner import StoppedError
from harness.bench.local_jobs import LocalJobRunner
from harness.bench.local_trials import LocalTrials, TrialOver
from harness.bench.machine import Machine
from harness.bench.processes.starter import POLL_SECONDS, Starter
from harness.bench.remote.job import RemoteJob
from harness.bench.remote.messages import Message, encode_event, file_messages, state_messages
from harness.bench.remote.node_cache import (
    MACHINES,
    PREPARED,
    catalog_of,
    mark_sent,
    mark_unsent,
    node_store,
    place_plugins,
    starter_for,
    take_state,
)
from harness.bench.remote.sent_classifiers import place_classifier
from harness.bench.resolution import wanted_images
from harness.bench.settings import RunLimits
from harness.bench.slots import Slot, SlotRequest
from harness.data.cache_layout import FACTS_FILE, using
from harness.data.image_shape import Wanted
from harness.data.images import PreparedData
from harness.records import store as files
from harness.records.keys import result_key
from harness.records.provenance import code_differences, provider_spec
from harness.records.spec import DatasetSpec, ProviderSpec
from harness.records.state_files import newest_state
from harness.records.store import Store
from harness.system.interrupts import Interrupts
from harness.system.staging import scratch_folder
from harness.trial.resolved_trial import ResolvedTrial
from zoo.errors import ManyErrors, ZooError
from zoo.events import Event, Progress
from zoo.executor import Control
from zoo.files.cache import data_root, decoded_root
from zoo.loading import Sources

STATE_SECONDS = 60.0
"""Least time between two training states that are sent to the bench while a trial runs."""


def work(payload: Mapping[str, Any], given: Mapping[str, bytes], control: Control) -> Iterator[Message]:
    """Do what *payload* (a :class:`RemoteJob`) says, and yield messages."""
    job = RemoteJob.model_validate(payload)
    sources = place_plugins(job, given)
    with scratch_folder() as scratch:
        # Made first: the error of a node that cannot start processes is sent as a sentence, too.
        starter = starter_for(job.preload)
        here = _Node(job, sources, starter, scratch, control)
        try:
            if job.kind == "trial":
                yield from here.run_trial(given)
            else:
                yield from here.answer()
        except StoppedError:
            yield {"kind": "refused", "problem": "stopped by the user", "stopped": True}, b""
        except ManyErrors as errors:
            yield {"kind": "errors", "sentences": [str(error) for error in errors.errors]}, b""
        except ZooError as error:
            yield {"kind": "errors", "sentences": [str(error)]}, b""


class _Node:
    """One task on this node."""

    def __init__(self, job: RemoteJob, sources: Sources, starter: Starter, scratch: Path, control: Control) -> None:
        self.job, self.sources, self.starter, self.scratch, self.control = job, sources, starter, scratch, control

    def answer(self) -> Iterator[Message]:
        """Probe this node or prepare a dataset, and yield progress and the answer."""
        if self.job.kind == "probe":
            machine = yield from self._probe(**self.job.values)
            yield {"kind": "answer", "value": machine.model_dump(mode="json")}, b""
            return
        assert self.job.dataset is not None
        wanted = self.job.wanted or Wanted(preparation=self.job.dataset.asked)
        prepared = yield from self._prepare(self.job.dataset, wanted)
        yield {"kind": "answer", "value": prepared.model_dump(mode="json")}, b""

    def run_trial(self, given: Mapping[str, bytes]) -> Iterator[Message]:
        trial = self.job.trial
        assert trial is not None
        prepared = yield from self._prepare(trial.spec.dataset, wanted_images(trial.spec))
        execution = trial.spec.execution
        machine = yield from self._probe(
            device=execution.device, precision=execution.precision, threads=execution.threads
        )
        problem = self._why_not(trial, prepared, machine)
        if problem:
            yield {"kind": "refused", "problem": problem}, b""
            return
        trial = place_classifier(trial.model_copy(update={"prepared": prepared, "number": 1}), given)
        store = node_store(self.job.bench)
        folder = store.folder(trial.trial_id)
        folder.mkdir(exist_ok=True)
        mark_unsent(folder)
        if not store.is_held(trial.trial_id):
            take_state(folder, given)
        before = _read(store, trial.trial_id)
        pause_after = execution.pause_after
        if before is None or not files.is_settled(
            before, trial.result_key, retry=self.job.retry, pause_after=pause_after
        ):
            with using(prepared.folders):
                yield from self._run(store, trial)
            if _read(store, trial.trial_id) in (None, before):
                yield {"kind": "busy"}, b""
                return
        yield from file_messages(folder)
        mark_sent(folder)

    def _run(self, store: Store, trial: ResolvedTrial) -> Iterator[Message]:
        """Run a trial in its folder, and yield its events and training states."""
        folder = store.folder(trial.trial_id)
        trials = LocalTrials(
            store,
            self.starter,
            SlotRequest(),
            scratch=self.scratch,
            sources=dataclasses.asdict(self.sources),
            limits=RunLimits(retry=self.job.retry, timeout=self.job.timeout, keeps_features=self.job.keeps_features),
            node=self.control.node,
        )
        trials.lay_out([Slot(devices=(trial.spec.execution.device,), sharing=self.job.sharing)])
        trials.start(trial, _read(store, trial.trial_id))
        shipped_at, shipped = time.monotonic(), ""
        stopping = False
        try:
            while not trials.is_idle():
                if not stopping and self.control.stop_requested():
                    stopping = True
                    trials.stop()
                for news in trials.poll(POLL_SECONDS):
                    if not isinstance(news, TrialOver) and (message := encode_event(news)):
                        yield message
                if time.monotonic() - shipped_at > STATE_SECONDS and (state := newest_state(folder)):
                    if state.name != shipped:
                        with contextlib.suppress(FileNotFoundError):  # a newer one has just taken its place
                            yield from state_messages(state)
                            shipped = state.name
                    shipped_at = time.monotonic()
        finally:
            if not trials.is_idle():
                trials.kill()

    def _probe(self, **values: Any) -> Generator[Message, None, Machine]:
        key = (os.environ.get("CUDA_VISIBLE_DEVICES"), tuple(sorted(values.items())))
        if key not in MACHINES:
            MACHINES[key] = Machine.model_validate((yield from self._ask("probe", **values)))
        return MACHINES[key]

    def _prepare(self, dataset: DatasetSpec, wanted: Wanted) -> Generator[Message, None, PreparedData]:
        key = (dataset.model_dump_json(), str(wanted), self.job.data_root, self.job.cache_limit)
        known = PREPARED.get(key)
        if known is None or not all((folder / FACTS_FILE).exists() for folder in known.folders):
            answer = yield from self._ask(
                "prepare",
                dataset=dataset.model_dump(mode="json"),
                wanted=dataclasses.asdict(wanted),
                data_root=str(data_root(self.job.data_root)),
                cache=str(decoded_root()),
                download=self.job.download,
                cache_limit=self.job.cache_limit,
            )
            known = PREPARED[key] = PreparedData.model_validate(answer)
        return known

    def _ask(self, kind: str, **values: Any) -> Generator[Message, None, Any]:
        """Run a job in a process, and yield its progress; errors as for :class:`harness.bench.job_runner.JobRunner`."""
        interrupts = Interrupts()
        told: SimpleQueue[Event] = SimpleQueue()
        folder = Path(tempfile.mkdtemp(dir=self.scratch))
        jobs = LocalJobRunner(self.starter, folder, told.put, interrupts, dataclasses.asdict(self.sources))
        with ThreadPoolExecutor(1) as threads:
            asking = threads.submit(jobs.ask, kind, **values)
            try:
                while not asking.done():
                    wait([asking], timeout=POLL_SECONDS)
                    interrupts.count += self.control.stop_requested()
                    while not told.empty():
                        event = told.get()
                        if isinstance(event, Progress):
                            message = f"{event.message} on {self.control.node}"
                            yield {"kind": "progress", "message": message, "share": event.share}, b""
            finally:
                interrupts.count += not asking.done()
        return asking.result()

    def _why_not(self, trial: ResolvedTrial, prepared: PreparedData, machine: Machine) -> str:
        """Return why this node would not reproduce the result that the bench expects; empty if it would."""
        node, spec = self.control.node, trial.spec
        if prepared.fingerprint != trial.prepared.fingerprint:
            return f"node {node} has different images of {spec.dataset.display_name} than the bench"
        catalog = catalog_of(self.sources)
        for registry, wanted in ((catalog.architectures, spec.architecture), (catalog.recipes, spec.recipe)):
            if spec.classifier is not None and spec.classifier.kind == "onnx" and wanted is spec.architecture:
                continue  # the file holds the network
            have = provider_spec(registry.get(wanted.full_name))
            if have.code_hash != wanted.provider.code_hash:
                parts = code_differences(have, wanted.provider)
                listed = "; ".join(f"{name}: {here}, not {there}" for name, (here, there) in parts.items())
                return (
                    f"node {node} has different code for {wanted.display_name} ({_called(have)}) than the bench "
                    f"({_called(wanted.provider)}){f': {listed}' if listed else ''}"
                )
        if prepared.pixels != trial.prepared.pixels:
            return f"node {node} decodes images of {spec.dataset.display_name} to other pixels than the bench"
        key = result_key(
            spec,
            fingerprint=prepared.fingerprint,
            pixels=prepared.pixels,
            torch_version=machine.environment["torch"],
        )
        if key != trial.result_key:
            return f"node {node} has torch {machine.environment['torch']}, or another version of zoo, than the bench"
        return ""


def _read(store: Store, trial_id: str) -> Any:
    try:
        return store.read(trial_id)
    except files.DamagedRecordError:
        store.set_aside(trial_id)
        return None


def _called(provider: ProviderSpec) -> str:
    return f"{provider.distribution or provider.plugin} {provider.version}".strip()
