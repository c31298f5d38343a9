"""Checks of executors, each held to one that was made to break it, and to one that does it right: a process a task."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from zoo.errors import PluginError
from zoo.executor import Executor, Node, Task, TaskEnded, TaskEvent, TaskMessage, TaskStarted
from zoo.testing import CHECKS, State, Subject, judge
from zoo.testing.kinds import executors

_CHILD = """
import base64, importlib, json, sys, threading
asked = json.loads(sys.stdin.readline())
class Control:
    node = "here"
    stopped = False
    def stop_requested(self):
        return self.stopped
control = Control()
def listen():
    control.stopped = bool(sys.stdin.readline())
threading.Thread(target=listen, daemon=True).start()
def say(**row):
    print(json.dumps(row), flush=True)
module, _, name = asked["function"].partition(":")
files = {name: base64.b64decode(content) for name, content in asked["files"].items()}
try:
    for message, content in getattr(importlib.import_module(module), name)(asked["payload"], files, control):
        say(message=message, content=base64.b64encode(content).decode())
except Exception as error:
    say(ended=f"{type(error).__name__}: {error}")
else:
    say(ended="")
"""


class Processes:
    """Runs each task in a process of its own on this machine."""

    names: tuple[str, ...] = ("here",)

    def __init__(self) -> None:
        self.running: dict[str, subprocess.Popen[str]] = {}
        self.events: list[TaskEvent] = []
        self.news = threading.Condition()

    def nodes(self) -> list[Node]:
        return [Node(name=name, cpus=2) for name in self.names]

    def submit(self, task: Task) -> None:
        child = subprocess.Popen([sys.executable, "-c", _CHILD], stdin=-1, stdout=-1, encoding="utf-8")
        assert child.stdin is not None
        files = {name: base64.b64encode(content).decode() for name, content in task.files.items()}
        asked = {"function": task.function, "payload": dict(task.payload), "files": files}
        child.stdin.write(json.dumps(asked) + "\n")
        child.stdin.flush()
        self.running[task.task_id] = child
        self.tell(TaskStarted(task_id=task.task_id, node="here"))
        threading.Thread(target=self.follow, args=(task.task_id, child), daemon=True).start()

    def follow(self, task_id: str, child: subprocess.Popen[str]) -> None:
        assert child.stdout is not None
        assert child.stdin is not None
        end = TaskEnded(task_id=task_id, problem="its process was lost", lost=True)
        for line in child.stdout:
            row = json.loads(line)
            if "ended" in row:
                end = TaskEnded(task_id=task_id, problem=row["ended"])
            else:
                content = base64.b64decode(row["content"])
                self.tell(TaskMessage(task_id=task_id, message=row["message"], content=content))
        child.wait()
        child.stdout.close()
        child.stdin.close()
        self.tell(end)

    def tell(self, event: TaskEvent) -> None:
        with self.news:
            self.events.append(event)
            self.news.notify()

    def poll(self, seconds: float) -> list[TaskEvent]:
        with self.news:
            self.news.wait_for(lambda: self.events, seconds)
            events, self.events = self.events, []
        return events

    def stop(self, task_id: str) -> None:
        stdin = self.running[task_id].stdin
        assert stdin is not None
        stdin.write("stop\n")
        stdin.flush()

    def kill(self, task_id: str) -> None:
        self.running[task_id].kill()

    def close(self) -> None:
        for child in self.running.values():
            child.kill()
            child.wait()


class SharesANameAmongNodes(Processes):
    names = ("here", "here")


class HasNoNodes(Processes):
    names = ()


class LeavesAProcess(Processes):
    left: list[subprocess.Popen[bytes]] = []  # noqa: RUF012 - for the test to end

    def close(self) -> None:
        super().close()
        self.left.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1))


class LosesContents(Processes):
    def tell(self, event: TaskEvent) -> None:
        if isinstance(event, TaskMessage):
            event = TaskMessage(task_id=event.task_id, message=event.message)
        super().tell(event)


class Shuffles(Processes):
    def poll(self, seconds: float) -> list[TaskEvent]:
        return super().poll(seconds)[::-1]


class EndsTwice(Processes):
    def tell(self, event: TaskEvent) -> None:
        super().tell(event)
        if isinstance(event, TaskEnded):
            super().tell(event)


class NeverEnds(Processes):
    def tell(self, event: TaskEvent) -> None:
        if not isinstance(event, TaskEnded):
            super().tell(event)


class CallsAllLost(Processes):
    def tell(self, event: TaskEvent) -> None:
        if isinstance(event, TaskEnded) and event.problem:
            event = TaskEnded(task_id=event.task_id, problem=event.problem, lost=True)
        super().tell(event)


class CallsNothingLost(Processes):
    def tell(self, event: TaskEvent) -> None:
        if isinstance(event, TaskEnded):
            event = TaskEnded(task_id=event.task_id, problem=event.problem)
        super().tell(event)


class RunsThemItself(Processes):
    """In the process of the bench, where the death of a task would be everybody's."""

    def submit(self, task: Task) -> None:
        from zoo.testing import tasks

        self.tell(TaskStarted(task_id=task.task_id, node="here"))
        problem = ""
        try:
            for message, content in getattr(tasks, task.function.rpartition(":")[2])(task.payload, task.files, self):
                self.tell(TaskMessage(task_id=task.task_id, message=message, content=content))
        except ValueError as error:
            problem = str(error)
        self.tell(TaskEnded(task_id=task.task_id, problem=problem))


class StopsByKilling(Processes):
    def stop(self, task_id: str) -> None:
        self.kill(task_id)


class KillsInWordsOnly(Processes):
    def kill(self, task_id: str) -> None:
        self.tell(TaskEnded(task_id=task_id, problem="it was killed"))


class ChangesTheEnvironment(Processes):
    def nodes(self) -> list[Node]:
        os.environ["CLUSTER"] = f"{os.environ.get('CLUSTER', '')}1"
        return super().nodes()


def executor(kind: type[Processes]) -> Executor:
    @contextmanager
    def open_workers(options: Mapping[str, Any]) -> Iterator[Processes]:
        workers = kind()
        try:
            yield workers
        finally:
            workers.close()

    return Executor(name="processes", open=open_workers)


BROKEN = (
    ("leaves_nothing_behind", "have the same name", SharesANameAmongNodes),
    ("leaves_nothing_behind", "it has no node", HasNoNodes),
    ("leaves_nothing_behind", r"2 of its processes are still running", LeavesAProcess),
    ("messages_arrive_in_order", "differ from those it sent", LosesContents),
    (
        "messages_arrive_in_order",
        "reported 1 times, or not as its last event|differ from those it sent|expected one start",
        Shuffles,
    ),
    ("messages_arrive_in_order", "is reported 2 times", EndsTwice),
    ("messages_arrive_in_order", "reported nothing for .*; expected the end of a task", NeverEnds),
    ("failures_are_told_apart", "raises is reported as lost", CallsAllLost),
    ("failures_are_told_apart", "not reported as lost", CallsNothingLost),
    ("failures_are_told_apart", "in the process of the bench", RunsThemItself),
    ("a_task_can_be_stopped", "does not notice", StopsByKilling),
    ("a_task_can_be_killed", "is still running", KillsInWordsOnly),
    ("executor_has_no_side_effects", "the environment's CLUSTER", ChangesTheEnvironment),
)
IDS = [f"{kind.__name__}-{check}" for check, _, kind in BROKEN]


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes of this machine answer within a second, though not beside other work; what never comes is cut short."""
    monkeypatch.setattr(executors, "_PATIENCE_SECONDS", 30.0)
    monkeypatch.setattr(executors, "_GRACE_SECONDS", 1.0)


@pytest.mark.parametrize(("check", "says", "kind"), BROKEN, ids=IDS)
def test_a_check_catches_what_was_made_to_break_it(check, says, kind, caught, monkeypatch):
    if kind is HasNoNodes or kind is NeverEnds:
        monkeypatch.setattr(executors, "_PATIENCE_SECONDS", 1.0)
    try:
        caught(check, says, executor(kind))
    finally:
        while LeavesAProcess.left:
            LeavesAProcess.left[0].communicate()
            del LeavesAProcess.left[0]


def test_each_check_has_something_that_breaks_it():
    assert {each[0] for each in BROKEN} == {check.id for check in CHECKS if check.kind == "executors"}


def test_an_executor_that_is_right_passes_every_check(passed):
    passed(executor(Processes))


def test_checks_of_an_executor_that_cannot_be_opened_are_skipped():
    def open_workers(options: Mapping[str, Any]) -> Any:
        raise PluginError("it needs the library 'cluster'")

    record = Executor(name="absent", open=contextmanager(lambda options: (yield open_workers(options))))
    checks = [check for check in CHECKS if check.kind == "executors"]
    assert {judge(check, Subject(record=record)).state for check in checks} == {State.SKIPPED}
