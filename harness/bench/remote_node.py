"""Remote work: what a node does of a bench that runs elsewhere. Never imports torch in this process.

:func:`work` is the function of every task (:data:`zoo.executor.TaskFunction`). A trial runs as it does at home: in a
process of its own, in a store, which here is a folder in the node's cache. What it writes there is sent to the bench,
which alone writes records. A trial whose task was lost goes on from what its folder still holds, or from the last
training state that the bench got.

Messages, by ``kind``: ``event`` (an event of the trial), ``progress`` (of what comes before a trial), ``answer``,
``errors`` (``sentences``), ``file`` (``name``, and its bytes), ``record`` (the bytes of ``record.json``, last of all),
``busy`` (another process runs this trial) and ``refused`` (``problem``: this node would not run what is asked for).
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from pydantic import Field

from harness.bench.local_trials import LocalTrials, TrialOver
from harness.bench.processes import Starter
from harness.bench.resolution import POLL_SECONDS, JobRunner, Machine, ResolvedTrial, Stopped
from harness.bench.settings import RunLimits
from harness.bench.slots import Slot, SlotRequest
from harness.data.cache_entries import REMOTE_FOLDER
from harness.data.cache_layout import FACTS_FILE, using
from harness.data.images import PreparedData
from harness.records import store as files
from harness.records.keys import result_key
from harness.records.provenance import provider_spec
from harness.records.spec import DatasetSpec, FrozenModel, ProviderSpec, TrialSpec
from harness.records.state_files import is_state_name, newest_state
from harness.records.store import Store
from harness.system.atomic_files import write_bytes
from harness.system.interrupts import Interrupts
from zoo.cache import cache_root, data_root, decoded_root
from zoo.catalog import Catalog
from zoo.errors import ManyErrors, ZooError
from zoo.events import EpochEnded, Event, PhaseStarted, Progress
from zoo.executor import Control
from zoo.loading import Sources, build_catalog

FUNCTION = "harness.bench.remote_node:work"
PLUGIN_PREFIX = "plugin/"
"""What the names of plugin files begin with among a task's files."""
STATE_SECONDS = 60.0
"""At least so long between two training states that are sent to the bench while a trial runs."""
KEEP_SECONDS = 3600.0
"""How long a trial's folder stays on the node after its record was sent; the bench may not have got it."""
MAX_LOG_BYTES = 2**20
SENT_FILES = ("spec.json", "history.jsonl", "predictions.safetensors", "checkpoint.safetensors", "log.txt")
EVENTS: dict[str, type[PhaseStarted] | type[EpochEnded]] = {"phase": PhaseStarted, "epoch": EpochEnded}
_SENT = "sent"

Message = tuple[dict[str, Any], bytes]


class RemoteJob(FrozenModel):
    """What a node is to do, and what it may use."""

    kind: str
    """``probe``, ``prepare`` or ``trial``."""
    bench: str
    """Identifies the store that the bench fills; names the node's folder for it."""
    sources: dict[str, Any]
    """As :class:`zoo.loading.Sources`, its files by their names alone."""
    preload: tuple[str, ...] = ()
    data_root: str | None = None
    """Where datasets lie on the node; None: where its own ``ZOO_DATA`` says, or in its cache."""
    download: bool = True
    cache_limit: int | None = None
    values: dict[str, Any] = Field(default_factory=dict)
    """Of a probe: device, precision, threads."""
    dataset: DatasetSpec | None = None
    trial: RemoteTrial | None = None
    retry: bool = False
    timeout: float | None = None


class RemoteTrial(FrozenModel):
    """A trial for a node."""

    spec: TrialSpec
    trial_id: str
    result_key: str
    fingerprint: str
    """Of the data, as prepared for the bench."""
    sharing: int = 1


RemoteJob.model_rebuild()


def work(payload: Mapping[str, Any], given: Mapping[str, bytes], control: Control) -> Iterator[Message]:
    """Do what *payload* (a :class:`RemoteJob`) says, and yield messages."""
    job = RemoteJob.model_validate(payload)
    sources = _sources(job, given)
    with tempfile.TemporaryDirectory(prefix="zoo-") as scratch:
        # Made first, for what a node cannot do at all must be a sentence too.
        starter = _starter(job.preload)
        here = _Node(job, sources, starter, Path(scratch), control)
        try:
            if job.kind == "trial":
                yield from here.run_trial(given)
            else:
                yield from here.answer()
        except Stopped:
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
        """Answer a question; as messages, for preparing data tells how far it is."""
        if self.job.kind == "probe":
            machine = yield from self._probe(**self.job.values)
            yield {"kind": "answer", "value": machine.model_dump(mode="json")}, b""
            return
        assert self.job.dataset is not None
        prepared = yield from self._prepare(self.job.dataset)
        yield {"kind": "answer", "value": prepared.model_dump(mode="json")}, b""

    def run_trial(self, given: Mapping[str, bytes]) -> Iterator[Message]:
        trial = self.job.trial
        assert trial is not None
        prepared = yield from self._prepare(trial.spec.dataset)
        execution = trial.spec.execution
        machine = yield from self._probe(
            device=execution.device, precision=execution.precision, threads=execution.threads
        )
        problem = self._why_not(trial, prepared, machine)
        if problem:
            yield {"kind": "refused", "problem": problem}, b""
            return
        store = Store(cache_root() / REMOTE_FOLDER / self.job.bench)
        store.create()
        _clear_old(store.root)
        folder = store.folder(trial.trial_id)
        folder.mkdir(exist_ok=True)
        (folder / _SENT).unlink(missing_ok=True)
        if not store.is_held(trial.trial_id):
            _take_state(folder, given)
        before = _read(store, trial.trial_id)
        if before is None or not files.is_settled(before, trial.result_key, retry=self.job.retry):
            with using([Path(prepared.folder)]):
                yield from self._run(store, trial, prepared)
            if _read(store, trial.trial_id) in (None, before):
                yield {"kind": "busy"}, b""
                return
        yield from _files(folder)
        (folder / _SENT).touch()

    def _run(self, store: Store, trial: RemoteTrial, prepared: PreparedData) -> Iterator[Message]:
        """Run a trial in its folder, and tell what happens."""
        folder = store.folder(trial.trial_id)
        trials = LocalTrials(
            store,
            self.starter,
            SlotRequest(),
            scratch=self.scratch,
            sources=dataclasses.asdict(self.sources),
            limits=RunLimits(retry=self.job.retry, timeout=self.job.timeout),
            node=self.control.node,
        )
        trials.lay_out([Slot(devices=(trial.spec.execution.device,), sharing=trial.sharing)])
        resolved = ResolvedTrial(
            spec=trial.spec, trial_id=trial.trial_id, result_key=trial.result_key, prepared=prepared, number=1
        )
        trials.start(resolved, _read(store, trial.trial_id))
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
                            yield {"kind": "file", "name": state.name}, state.read_bytes()
                            shipped = state.name
                    shipped_at = time.monotonic()
        finally:
            if not trials.is_idle():
                trials.kill()

    def _probe(self, **values: Any) -> Generator[Message, None, Machine]:
        key = (os.environ.get("CUDA_VISIBLE_DEVICES"), tuple(sorted(values.items())))
        if key not in _MACHINES:
            _MACHINES[key] = Machine.model_validate((yield from self._ask("probe", **values)))
        return _MACHINES[key]

    def _prepare(self, dataset: DatasetSpec) -> Generator[Message, None, PreparedData]:
        key = (dataset.model_dump_json(), self.job.data_root, self.job.cache_limit)
        known = _PREPARED.get(key)
        if known is None or not (Path(known.folder) / FACTS_FILE).exists():
            answer = yield from self._ask(
                "prepare",
                dataset=dataset.model_dump(mode="json"),
                data_root=str(data_root(self.job.data_root)),
                cache=str(decoded_root()),
                download=self.job.download,
                cache_limit=self.job.cache_limit,
            )
            known = _PREPARED[key] = PreparedData.model_validate(answer)
        return known

    def _ask(self, kind: str, **values: Any) -> Generator[Message, None, Any]:
        """Have a process answer, and tell meanwhile how far it is; errors as for :meth:`JobRunner.ask`."""
        interrupts = Interrupts()
        told: SimpleQueue[Event] = SimpleQueue()
        folder = Path(tempfile.mkdtemp(dir=self.scratch))
        scout = JobRunner(self.starter, folder, told.put, interrupts, dataclasses.asdict(self.sources))
        with ThreadPoolExecutor(1) as threads:
            asking = threads.submit(scout.ask, kind, **values)
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

    def _why_not(self, trial: RemoteTrial, prepared: PreparedData, machine: Machine) -> str:
        """Return why this node would not give the result that the bench wants; empty if it would."""
        node, spec = self.control.node, trial.spec
        if prepared.fingerprint != trial.fingerprint:
            return f"node {node} has other images for {spec.dataset.display_name} than the bench began with"
        catalog = _catalog(self.sources)
        for registry, wanted in ((catalog.architectures, spec.architecture), (catalog.recipes, spec.recipe)):
            have = provider_spec(registry.get(wanted.full_name))
            if have.code_hash != wanted.provider.code_hash:
                return (
                    f"node {node} has other code for {wanted.display_name} ({_called(have)}) than the bench "
                    f"({_called(wanted.provider)})"
                )
        key = result_key(spec, fingerprint=prepared.fingerprint, torch_version=machine.environment["torch"])
        if key != trial.result_key:
            return f"node {node} has torch {machine.environment['torch']}, or another version of zoo, than the bench"
        return ""


_MACHINES: dict[Any, Machine] = {}
"""What was found out in this process; executors keep it for several tasks."""
_PREPARED: dict[Any, PreparedData] = {}


@functools.cache
def _starter(preload: tuple[str, ...]) -> Starter:
    return Starter(preload)


@functools.lru_cache(maxsize=4)
def _catalog(sources: Sources) -> Catalog:
    return build_catalog(sources)


def encode_event(event: Event) -> Message | None:
    """Return an event as a message, if the bench is to hear of it."""
    for name, kind in EVENTS.items():
        if isinstance(event, kind):
            return {"kind": "event", "event": name, "fields": dataclasses.asdict(event)}, b""
    return None


def decode_event(message: Mapping[str, Any]) -> Event:
    """Return the event that :func:`encode_event` made a message of."""
    return EVENTS[str(message["event"])](**message["fields"])


def _sources(job: RemoteJob, given: Mapping[str, bytes]) -> Sources:
    """Put the bench's plugin files where they can be loaded; by their content, so that others are not disturbed."""
    paths = []
    for name in job.sources["files"]:
        content = given[PLUGIN_PREFIX + name]
        path = cache_root() / REMOTE_FOLDER / "plugins" / hashlib.sha256(content).hexdigest()[:20] / Path(name).name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, content)
        paths.append(str(path))
    return Sources(**{**job.sources, "files": tuple(paths)})


def _take_state(folder: Path, given: Mapping[str, bytes]) -> None:
    """Put the bench's training state into the folder, unless it holds one of a later epoch."""
    newest = newest_state(folder)
    for name, content in given.items():
        if is_state_name(name) and (newest is None or name > newest.name):
            write_bytes(folder / name, content)


def _read(store: Store, trial_id: str) -> Any:
    try:
        return store.read(trial_id)
    except files.DamagedRecordError:
        store.set_aside(trial_id)
        return None


def _files(folder: Path) -> Iterator[Message]:
    """Yield what a finished trial wrote, its record last."""
    if state := newest_state(folder):
        yield {"kind": "file", "name": state.name}, state.read_bytes()
    for name in SENT_FILES:
        path = folder / name
        if path.exists():
            content = path.read_bytes()
            yield {"kind": "file", "name": name}, content[-MAX_LOG_BYTES:] if name == files.LOG_FILE else content
    yield {"kind": "record"}, (folder / files.RECORD_FILE).read_bytes()


def _clear_old(root: Path) -> None:
    """Remove folders whose records were sent a while ago."""
    for marker in root.glob(f"*/{_SENT}"):
        with contextlib.suppress(OSError):
            if time.time() - marker.stat().st_mtime > KEEP_SECONDS:
                shutil.rmtree(marker.parent)


def _called(provider: ProviderSpec) -> str:
    return f"{provider.distribution or provider.plugin} {provider.version}".strip()
