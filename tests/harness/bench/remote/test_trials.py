"""Remote trials: what a head does with what nodes send, in order, out of order, or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from harness.bench.crashes import unfinished_record
from harness.bench.local_trials import TrialOver
from harness.bench.machine import Machine
from harness.bench.remote.cluster import Cluster
from harness.bench.remote.trials import MAX_LOST, RemoteTrials
from harness.bench.settings import RunLimits
from harness.bench.slots import SlotRequest
from harness.data.images import PreparedData
from harness.records.record import FailureKind, Outcome, Record
from harness.records.spec import ArchitectureSpec, DatasetSpec, ExecutionSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.records.store import RECORD_FILE, Store, read_record, write_record
from harness.records.trial_lock import LOCK_FILE
from harness.trial.resolved_trial import ResolvedTrial
from zoo.errors import UsageError
from zoo.events import EpochEnded, Event
from zoo.executor import Node, Task, TaskEnded, TaskEvent, TaskMessage, TaskStarted
from zoo.loading import Sources

PROVIDER = ProviderSpec(plugin="toys")
SPEC = TrialSpec(
    architecture=ArchitectureSpec(full_name="toys/net", display_name="net", provider=PROVIDER),
    dataset=DatasetSpec(full_name="toys/shades", display_name="shades", provider=PROVIDER),
    recipe=RecipeSpec(
        full_name="toys/quick", display_name="quick", provider=PROVIDER, hyperparameters={"batch_size": 8, "epochs": 1}
    ),
    seed=0,
    execution=ExecutionSpec(device="cpu", precision="fp32", small_images="off", threads=1),
)
PREPARED = PreparedData(
    folder="/on/a/node",
    fingerprint="f" * 64,
    classes=("a", "b"),
    image_size=8,
    channels=1,
    mean=(0.5,),
    std=(0.5,),
    mirror_symmetric=True,
    num_train=8,
    num_val=2,
    num_test=4,
)
TRIAL = ResolvedTrial(spec=SPEC, result_key="key", prepared=PREPARED)
MACHINE = Machine(device="cpu", precision="fp32", num_gpus=0, environment={"threads": 4, "torch": "2.15.0"})


class FakeWorkers:
    """Keeps tasks, and says what a test has it say."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes
        self.tasks: list[Task] = []
        self.events: list[TaskEvent] = []
        self.stopped: list[str] = []
        self.killed: list[str] = []

    def nodes(self) -> Sequence[Node]:
        return self._nodes

    def submit(self, task: Task) -> None:
        self.tasks.append(task)

    def poll(self, seconds: float) -> Sequence[TaskEvent]:
        events, self.events = self.events, []
        return events

    def stop(self, task_id: str) -> None:
        self.stopped.append(task_id)

    def kill(self, task_id: str) -> None:
        self.killed.append(task_id)

    def say(self, message: dict[str, Any], content: bytes = b"", task: int = -1) -> None:
        self.events.append(TaskMessage(task_id=self.tasks[task].task_id, message=message, content=content))

    def lose(self, task: int = -1) -> None:
        self.events.append(TaskEnded(task_id=self.tasks[task].task_id, problem="node a was lost", lost=True, node="a"))


class Head:
    """A head with fake workers, and what it told."""

    def __init__(self, folder: Path, nodes: Sequence[Node] = (Node(name="a", cpus=4),), **slots: Any) -> None:
        self.store = Store(folder / "runs")
        self.store.create()
        self.workers = FakeWorkers(nodes)
        cluster = Cluster(self.workers, self.store.root, Sources())
        self.trials = RemoteTrials(self.store, cluster, SlotRequest(**slots), limits=RunLimits())
        self.events: list[Event] = []
        self.folder = self.store.folder(TRIAL.trial_id)

    def start(self) -> None:
        self.trials.arrange(MACHINE, SPEC.execution, 1)
        self.trials.start(TRIAL, None)

    def hear(self) -> list[Record | None]:
        """Return the records of trials that are over."""
        over = []
        for news in self.trials.poll(0):
            if isinstance(news, TrialOver):
                over.append(news.record)
            else:
                self.events.append(news)
        return over


@pytest.fixture
def head(tmp_path: Path) -> Head:
    return Head(tmp_path)


def record_bytes(folder: Path, **changes: Any) -> bytes:
    """Return a record as a node would send it."""
    record = unfinished_record(TRIAL, outcome=Outcome.DONE, reason="", seconds=1.0).model_copy(update=changes)
    folder.mkdir(parents=True, exist_ok=True)
    return write_record(folder, record).read_bytes()


def test_a_record_is_written_once_its_files_are_there(head: Head, tmp_path: Path) -> None:
    head.start()
    history = b'{"event": "attempt"}\n'
    sums = {"history.jsonl": hashlib.sha256(history).hexdigest()}
    head.workers.say({"kind": "file", "name": "history.jsonl"}, history)
    head.workers.say({"kind": "record"}, record_bytes(tmp_path / "node", files=sums))
    (record,) = head.hear()
    assert record is not None
    assert record.outcome is Outcome.DONE
    assert read_record(head.folder / RECORD_FILE) == record
    assert (head.folder / "history.jsonl").read_bytes() == history
    assert head.trials.is_idle()
    assert not head.store.is_held(TRIAL.trial_id)


def test_events_on_a_node_are_reported(head: Head) -> None:
    head.start()
    event = EpochEnded(
        trial_id=TRIAL.trial_id, epoch=1, epochs=2, train_loss=1.0, train_accuracy=0.5, val_loss=1.0, val_accuracy=0.5,
        lr=0.1, images_per_second=10.0, seconds=1.0,
    )  # fmt: skip
    fields = {name: getattr(event, name) for name in event.__dataclass_fields__}
    head.workers.say({"kind": "event", "event": "epoch", "fields": fields})
    head.workers.say({"kind": "event", "event": "epoch", "fields": {**fields, "trial_id": "somebody else's"}})
    assert head.hear() == []
    assert head.events == [event]


def test_its_folder_is_locked_while_a_trial_runs_elsewhere(head: Head) -> None:
    head.start()
    assert head.store.is_held(TRIAL.trial_id)


def test_a_trial_held_by_another_bench_is_reported_as_held(head: Head) -> None:
    head.folder.mkdir()
    with FileLock(head.folder / LOCK_FILE):
        head.start()
        assert head.hear() == [None]
    assert head.workers.tasks == []


def test_a_lost_trial_starts_again_where_it_was_with_the_last_state_that_was_sent(head: Head) -> None:
    head.start()
    head.workers.events.append(TaskStarted(task_id=head.workers.tasks[0].task_id, node="b"))
    for epoch, content in ((3, b"three"), (4, b"four")):
        name = f"state-{epoch:06d}-{hashlib.sha256(content).hexdigest()}.safetensors"
        head.workers.say({"kind": "file", "name": name}, content)
    head.workers.lose()
    assert head.hear() == []
    first, second = head.workers.tasks
    assert first.task_id != second.task_id
    assert second.node == "b"
    assert list(second.files.values()) == [b"four"]
    assert len(list(head.folder.glob("state-*"))) == 1


def test_late_messages_of_a_lost_trial_are_ignored(head: Head, tmp_path: Path) -> None:
    head.start()
    head.workers.lose()
    head.hear()
    head.workers.say({"kind": "record"}, record_bytes(tmp_path / "node"), task=0)
    assert head.hear() == []
    assert not (head.folder / RECORD_FILE).exists()
    head.workers.say({"kind": "record"}, record_bytes(tmp_path / "node"))
    assert len(head.hear()) == 1
    head.workers.say({"kind": "record"}, record_bytes(tmp_path / "node", reason="again"), task=0)
    assert head.hear() == []
    assert read_record(head.folder / RECORD_FILE).reason == ""


def test_a_trial_whose_workers_are_lost_again_and_again_fails(head: Head) -> None:
    head.start()
    over: list[Record | None] = []
    for _ in range(MAX_LOST + 1):
        assert over == []
        head.workers.lose()
        over = head.hear()
    (record,) = over
    assert record is not None
    assert record.failure is not None
    assert record.failure.kind is FailureKind.KILLED
    assert record.reason == f"its worker was lost {MAX_LOST + 1} times, the last time on node a: node a was lost"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"result_key": "another"}, "the record of another trial"),
        ({"trial_id": "../../x"}, "the record of another trial"),
        ({"files": {"checkpoint.safetensors": "0" * 64}}, "checkpoint.safetensors damaged, or not at all"),
    ],
)
def test_a_record_that_does_not_fit_is_not_taken(
    head: Head, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    head.start()
    head.workers.say({"kind": "record"}, record_bytes(tmp_path / "node", **changes))
    (record,) = head.hear()
    assert record is not None
    assert record.outcome is Outcome.FAILED
    assert words in record.reason


def test_a_damaged_record_is_not_taken(head: Head, tmp_path: Path) -> None:
    head.start()
    head.workers.say({"kind": "record"}, record_bytes(tmp_path / "node").replace(b'"seed": 0', b'"seed": 1'))
    (record,) = head.hear()
    assert record is not None
    assert "its checksum does not match" in record.reason


@pytest.mark.parametrize("name", ["../../escaped", "/tmp/escaped", ".lock", "record.json", "state-1-abc.safetensors"])
def test_files_that_a_trial_does_not_write_are_not_written(head: Head, tmp_path: Path, name: str) -> None:
    head.start()
    before = sorted(path for path in tmp_path.rglob("*"))
    content = (head.folder / LOCK_FILE).read_bytes()
    head.workers.say({"kind": "file", "name": name}, b"evil")
    assert head.hear() == []
    assert sorted(path for path in tmp_path.rglob("*")) == before
    assert (head.folder / LOCK_FILE).read_bytes() == content


@pytest.mark.parametrize(
    ("message", "kind", "words"),
    [
        ({"kind": "refused", "problem": "node a has torch 1.0"}, FailureKind.ERROR, "node a has torch 1.0"),
        ({"kind": "errors", "sentences": ["put the files into X"]}, FailureKind.DATA, "put the files into X"),
    ],
)
def test_a_task_that_a_node_cannot_run_fails_with_its_sentence(
    head: Head, message: dict[str, Any], kind: FailureKind, words: str
) -> None:
    head.start()
    head.workers.say(message)
    (record,) = head.hear()
    assert record is not None
    assert record.failure is not None
    assert (record.failure.kind, record.reason) == (kind, words)


def test_a_task_that_ends_silently_is_a_failure(head: Head) -> None:
    head.start()
    head.workers.events.append(TaskEnded(task_id=head.workers.tasks[0].task_id, node="a"))
    (record,) = head.hear()
    assert record is not None
    assert record.reason == "its task ended on node a without a record"


def test_stopping_asks_every_task_and_its_trial_is_then_interrupted(head: Head) -> None:
    head.start()
    head.trials.stop()
    assert head.workers.stopped == [head.workers.tasks[0].task_id]
    head.workers.lose()
    (record,) = head.hear()
    assert record is not None
    assert record.outcome is Outcome.INTERRUPTED
    assert len(head.workers.tasks) == 1


def test_ending_at_once_waits_for_nobody_for_ever(head: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.bench.remote.trials.KILL_SECONDS", 0.0)
    head.start()
    head.trials.kill()
    (record,) = head.hear()
    assert record is not None
    assert record.outcome is Outcome.INTERRUPTED
    assert head.trials.is_idle()


def test_a_trial_gets_a_fair_share_of_its_node(tmp_path: Path) -> None:
    nodes = (Node(name="a", cpus=16, gpus=4), Node(name="b", cpus=16, gpus=2))
    gpu = MACHINE.model_copy(update={"device": "cuda:0"})
    head = Head(tmp_path, nodes)
    assert head.trials.arrange(gpu, ExecutionSpec(), 1) == 4
    assert head.trials.capacity() == 6
    halves = Head(tmp_path, nodes, jobs_per_device=2)
    assert halves.trials.arrange(gpu, ExecutionSpec(), 1) == 2
    assert halves.trials.capacity() == 12
    pairs = Head(tmp_path, nodes)
    assert pairs.trials.arrange(gpu, ExecutionSpec(gpus_per_trial=2), 1) == 8
    assert pairs.trials.capacity() == 3


def test_more_than_any_node_has_is_one_sentence(tmp_path: Path) -> None:
    head = Head(tmp_path, (Node(name="a", cpus=4, gpus=1),))
    with pytest.raises(UsageError, match="no node has 64 CPUs"):
        head.trials.arrange(MACHINE, ExecutionSpec(threads=64), 1)
    with pytest.raises(UsageError, match="no node has that many GPUs"):
        head.trials.arrange(MACHINE.model_copy(update={"device": "cuda:0"}), ExecutionSpec(gpus_per_trial=2), 1)


def test_two_plugin_files_of_one_name_cannot_be_sent(tmp_path: Path) -> None:
    for folder, text in (("a", "x = 1"), ("b", "x = 2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(text)
    files = tuple(str(tmp_path / folder / "mine.py") for folder in ("a", "b"))
    with pytest.raises(UsageError, match="another plugin file has the same name"):
        Cluster(FakeWorkers(()), tmp_path, Sources(files=files))


def test_tasks_are_plain_data(head: Head) -> None:
    head.start()
    (task,) = head.workers.tasks
    assert json.loads(json.dumps(dict(task.payload))) == task.payload
    assert (task.cpus, task.gpus) == (1.0, 0.0)
