"""Checks of executors; the table in :mod:`zoo.testing.checks` gives their rationales.

The tasks that they run are in :mod:`zoo.testing.tasks`. If an executor cannot be opened, its checks do not apply.
"""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo.errors import PluginError, UsageError
from zoo.executor import Executor, Node, Task, TaskEnded, TaskEvent, TaskMessage, TaskStarted, Workers
from zoo.testing.check_errors import CheckFailedError, NotApplicableError
from zoo.testing.global_state import require_no_side_effects
from zoo.testing.subjects import Subject

_PATIENCE_SECONDS = 60.0
"""Longest time without an event; far more than an executor with running machines needs."""
_GRACE_SECONDS = 10.0
"""Time that its processes and threads have to end."""
_CONTENT = bytes(range(256)) * 4096


def leaves_nothing_behind(subject: Subject[Executor]) -> None:
    children, threads = _children(), set(threading.enumerate())
    for _ in range(2):
        with _opened(subject) as workers:
            nodes: list[Any] = list(_nodes(workers))
        names = [node.name for node in nodes]
        if not all(isinstance(node, Node) and node.name.strip() and node.cpus > 0 for node in nodes):
            raise CheckFailedError(f"its nodes must be Node objects with a name and cores, got {nodes}")
        if len(set(names)) < len(names):
            raise CheckFailedError(f"several of its nodes have the same name: {', '.join(sorted(names))}")
    if not _comes_true(lambda: _children() <= children):
        raise CheckFailedError(f"after closing, {len(_children() - children)} of its processes are still running")
    if not _comes_true(lambda: all(thread.daemon or thread in threads for thread in threading.enumerate())):
        raise CheckFailedError("after closing, one of its threads keeps the bench from ending")


def messages_arrive_in_order(subject: Subject[Executor]) -> None:
    payload = {"count": 20, "text": "ü\n", "number": 0.1, "nothing": None, "list": [1, {"a": True}]}
    files = {"empty": b"", "all bytes.bin": _CONTENT}
    wanted: list[tuple[Mapping[str, Any], bytes]] = [({"number": number}, b"") for number in range(20)]
    wanted += [({"file": name, "payload": payload}, content) for name, content in files.items()]
    with _opened(subject) as workers:
        known = {node.name for node in _nodes(workers)}
        ids = ["first", "second", "third"]
        for task_id in ids:
            workers.submit(_task(task_id, "echo", payload, files))
        for task_id, events in _until_ended(workers, ids).items():
            started, *messages, ended = events
            if not isinstance(started, TaskStarted) or any(not isinstance(each, TaskMessage) for each in messages):
                kinds = ", ".join(type(each).__name__ for each in events[:3])
                raise CheckFailedError(
                    f"task {task_id} has the events {kinds} …; expected one start, messages and one end"
                )
            if [(dict(each.message), each.content) for each in messages if isinstance(each, TaskMessage)] != wanted:
                raise CheckFailedError(
                    f"the messages of task {task_id} differ from those it sent, or are in another order"
                )
            if isinstance(ended, TaskEnded) and (ended.problem or ended.lost):
                raise CheckFailedError(f"task {task_id} finished, but is reported as: {ended.problem or 'lost'}")
            if started.node not in known | {node.name for node in workers.nodes()}:
                raise CheckFailedError(f"task {task_id} runs on {started.node!r}, which is not one of its nodes")
        if late := workers.poll(0.5):
            raise CheckFailedError(f"after the end of all tasks it reports {type(late[0]).__name__}")


def failures_are_told_apart(subject: Subject[Executor]) -> None:
    with _opened(subject) as workers:
        _nodes(workers)
        workers.submit(_task("raises", "fail", {}))
        end = _end_of(_until_ended(workers, ["raises"])["raises"])
        _require_sentence(end, "raises")
        if end.lost:
            raise CheckFailedError("a task whose function raises is reported as lost: it would be retried elsewhere")
        workers.submit(_task("dies", "die", {"bench": {"pid": os.getpid(), "machine": platform.node()}}))
        end = _end_of(_until_ended(workers, ["dies"])["dies"])
        if not end.problem:
            raise CheckFailedError("a task whose process died is reported as done, or runs in the process of the bench")
        _require_sentence(end, "loses its process")
        if not end.lost:
            raise CheckFailedError("a task whose process died is not reported as lost: it would not be retried")
        workers.submit(_task("next", "echo", {"count": 1}))
        if problem := _end_of(_until_ended(workers, ["next"])["next"]).problem:
            raise CheckFailedError(f"after a failed task and a dead one, the next task cannot run: {problem}")


def a_task_can_be_stopped(subject: Subject[Executor]) -> None:
    with _opened(subject) as workers:
        _nodes(workers)
        before = _run_until_message(workers, "waits", listens=True)
        workers.stop("waits")
        events = _until_ended(workers, ["waits"], before)["waits"]
        if {"saved": True} not in [dict(each.message) for each in events if isinstance(each, TaskMessage)]:
            raise CheckFailedError("a task that is asked to stop does not notice, or its last message is lost")
        if problem := _end_of(events).problem:
            raise CheckFailedError(f"a task that saved and stopped is reported as failed: {problem}")


def a_task_can_be_killed(subject: Subject[Executor]) -> None:
    with _opened(subject) as workers:
        _nodes(workers)
        before = _run_until_message(workers, "waits", listens=False)
        (where,) = [each.message for each in before if isinstance(each, TaskMessage)]
        workers.kill("waits")
        end = _end_of(_until_ended(workers, ["waits"], before)["waits"])
        if not end.problem:
            raise CheckFailedError("a killed task is reported as done")
        if where["machine"] == platform.node() and not _comes_true(lambda: not _runs(int(where["pid"]))):
            raise CheckFailedError("the process of a killed task is still running")


def executor_has_no_side_effects(subject: Subject[Executor]) -> None:
    def run_a_task() -> None:
        with _opened(subject) as workers:
            _nodes(workers)
            workers.submit(_task("only", "echo", {"count": 1}))
            _until_ended(workers, ["only"])

    require_no_side_effects(run_a_task, "running a task")


@contextmanager
def _opened(subject: Subject[Executor]) -> Iterator[Workers]:
    context = subject.record.open(dict(subject.record.options))
    try:
        workers = context.__enter__()
    except (ImportError, UsageError, PluginError) as error:
        raise NotApplicableError(f"it cannot be opened here: {error}") from error
    try:
        yield workers
    finally:
        context.__exit__(None, None, None)


def _nodes(workers: Workers) -> Sequence[Node]:
    """Wait for nodes, and return them."""
    if not _comes_true(lambda: bool(workers.nodes()), _PATIENCE_SECONDS):
        raise CheckFailedError(f"it has no node {_PATIENCE_SECONDS:g} s after opening")
    return workers.nodes()


def _task(task_id: str, function: str, payload: Mapping[str, Any], files: Mapping[str, bytes] | None = None) -> Task:
    return Task(task_id=task_id, function=f"zoo.testing.tasks:{function}", payload=payload, files=files or {})


def _run_until_message(workers: Workers, task_id: str, *, listens: bool) -> list[TaskEvent]:
    workers.submit(_task(task_id, "wait", {"seconds": 2 * _PATIENCE_SECONDS, "listens": listens}))
    return _gather(workers, lambda events: any(isinstance(each, TaskMessage) for each in events), "message of a task")


def _until_ended(
    workers: Workers, task_ids: Sequence[str], before: Sequence[TaskEvent] = ()
) -> dict[str, list[TaskEvent]]:
    """Wait for the end of all tasks, and return the events of each."""
    wanted = set(task_ids)

    def all_ended(events: Sequence[TaskEvent]) -> bool:
        return wanted <= {each.task_id for each in events if isinstance(each, TaskEnded)}

    events = _gather(workers, all_ended, "end of a task", before)
    if strangers := {each.task_id for each in events} - wanted:
        raise CheckFailedError(f"it reports unknown tasks: {', '.join(sorted(strangers))}")
    of_task = {task_id: [each for each in events if each.task_id == task_id] for task_id in task_ids}
    for task_id, each in of_task.items():
        ends = [isinstance(event, TaskEnded) for event in each]
        if sum(ends) != 1 or not ends[-1]:
            raise CheckFailedError(f"the end of task {task_id} is reported {sum(ends)} times, or not as its last event")
    return of_task


def _gather(
    workers: Workers, enough: Callable[[Sequence[TaskEvent]], bool], what: str, before: Sequence[TaskEvent] = ()
) -> list[TaskEvent]:
    events, last = list(before), time.monotonic()
    while not enough(events):
        new = workers.poll(0.1)
        events += new
        now = time.monotonic()
        last = now if new else last
        if now - last > _PATIENCE_SECONDS:
            raise CheckFailedError(f"it reported nothing for {_PATIENCE_SECONDS:g} s; expected the {what}")
    return events


def _end_of(events: Sequence[TaskEvent]) -> TaskEnded:
    end = events[-1]
    assert isinstance(end, TaskEnded)
    return end


def _require_sentence(end: TaskEnded, what: str) -> None:
    if not end.problem.strip() or "\n" in end.problem.strip():
        raise CheckFailedError(f"the problem of a task that {what} must be one line, got {end.problem!r}")


def _comes_true(condition: Callable[[], bool], seconds: float | None = None) -> bool:
    end = time.monotonic() + (_GRACE_SECONDS if seconds is None else seconds)
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _children() -> set[int]:
    """Return the running child processes; empty if the system does not list them."""
    found: set[int] = set()
    for path in Path("/proc/self/task").glob("*/children"):
        found |= {int(pid) for pid in path.read_text().split()}
    return {pid for pid in found if _runs(pid)}


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except OSError:  # another user's, or no such file system: it is there
        return True
    return state != "Z"
