"""Checks of executors. Each is in the table of :mod:`zoo.testing.checks`, with why it matters.

What they are given to run is in :mod:`zoo.testing.tasks`. Where an executor cannot be opened, there is
nothing to look at.
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
"""How long an executor may be silent; far more than any needs whose machines are there."""
_GRACE_SECONDS = 10.0
"""How long what it started may take to be gone."""
_CONTENT = bytes(range(256)) * 4096


def leaves_nothing_behind(subject: Subject[Executor]) -> None:
    children, threads = _children(), set(threading.enumerate())
    for _ in range(2):
        with _opened(subject) as workers:
            nodes: list[Any] = list(_nodes(workers))
        names = [node.name for node in nodes]
        if not all(isinstance(node, Node) and node.name.strip() and node.cpus > 0 for node in nodes):
            raise CheckFailedError(f"its nodes must be Nodes with a name and cores; they are {nodes}")
        if len(set(names)) < len(names):
            raise CheckFailedError(f"several of its nodes have one name: {', '.join(sorted(names))}")
    if not _comes_true(lambda: _children() <= children):
        raise CheckFailedError(f"closed, it leaves {len(_children() - children)} process(es) behind")
    if not _comes_true(lambda: all(thread.daemon or thread in threads for thread in threading.enumerate())):
        raise CheckFailedError("closed, it leaves a thread behind that keeps the bench from ending")


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
                raise CheckFailedError(f"of task {task_id} it tells {kinds} …, not one start, messages, and one end")
            if [(dict(each.message), each.content) for each in messages if isinstance(each, TaskMessage)] != wanted:
                raise CheckFailedError(f"the messages of task {task_id} are not those it sent, in their order")
            if isinstance(ended, TaskEnded) and (ended.problem or ended.lost):
                raise CheckFailedError(f"of task {task_id}, which came to its end, it tells: {ended.problem or 'lost'}")
            if started.node not in known | {node.name for node in workers.nodes()}:
                raise CheckFailedError(f"task {task_id} runs on {started.node!r}, which is none of its nodes")
        if late := workers.poll(0.5):
            raise CheckFailedError(f"after the end of all tasks it tells of {type(late[0]).__name__}")


def failures_are_told_apart(subject: Subject[Executor]) -> None:
    with _opened(subject) as workers:
        _nodes(workers)
        workers.submit(_task("raises", "fail", {}))
        end = _end_of(_until_ended(workers, ["raises"])["raises"])
        _require_sentence(end, "raises")
        if end.lost:
            raise CheckFailedError("a task whose function raises is told of as lost: it would be tried again elsewhere")
        workers.submit(_task("dies", "die", {"bench": {"pid": os.getpid(), "machine": platform.node()}}))
        end = _end_of(_until_ended(workers, ["dies"])["dies"])
        if not end.problem:
            raise CheckFailedError("a task whose process ended is told of as done, or runs in the bench's own process")
        _require_sentence(end, "loses its process")
        if not end.lost:
            raise CheckFailedError("a task whose process ended is not told of as lost: it would not be tried again")
        workers.submit(_task("next", "echo", {"count": 1}))
        if problem := _end_of(_until_ended(workers, ["next"])["next"]).problem:
            raise CheckFailedError(f"after a task that failed and one that died, the next cannot run: {problem}")


def a_task_can_be_stopped(subject: Subject[Executor]) -> None:
    with _opened(subject) as workers:
        _nodes(workers)
        before = _run_until_message(workers, "waits", listens=True)
        workers.stop("waits")
        events = _until_ended(workers, ["waits"], before)["waits"]
        if {"saved": True} not in [dict(each.message) for each in events if isinstance(each, TaskMessage)]:
            raise CheckFailedError("a task that is asked to stop does not hear of it, or its last words are lost")
        if problem := _end_of(events).problem:
            raise CheckFailedError(f"a task that saved and stopped is told of as failed: {problem}")


def a_task_can_be_killed(subject: Subject[Executor]) -> None:
    with _opened(subject) as workers:
        _nodes(workers)
        before = _run_until_message(workers, "waits", listens=False)
        (where,) = [each.message for each in before if isinstance(each, TaskMessage)]
        workers.kill("waits")
        end = _end_of(_until_ended(workers, ["waits"], before)["waits"])
        if not end.problem:
            raise CheckFailedError("a task that was killed is told of as done")
        if where["machine"] == platform.node() and not _comes_true(lambda: not _runs(int(where["pid"]))):
            raise CheckFailedError("the process of a task that was killed goes on")


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
    """Return its nodes, as soon as there are any."""
    if not _comes_true(lambda: bool(workers.nodes()), _PATIENCE_SECONDS):
        raise CheckFailedError(f"{_PATIENCE_SECONDS:g} s after it was opened it has no node")
    return workers.nodes()


def _task(task_id: str, function: str, payload: Mapping[str, Any], files: Mapping[str, bytes] | None = None) -> Task:
    return Task(task_id=task_id, function=f"zoo.testing.tasks:{function}", payload=payload, files=files or {})


def _run_until_message(workers: Workers, task_id: str, *, listens: bool) -> list[TaskEvent]:
    workers.submit(_task(task_id, "wait", {"seconds": 2 * _PATIENCE_SECONDS, "listens": listens}))
    return _gather(workers, lambda events: any(isinstance(each, TaskMessage) for each in events), "message of a task")


def _until_ended(
    workers: Workers, task_ids: Sequence[str], before: Sequence[TaskEvent] = ()
) -> dict[str, list[TaskEvent]]:
    """Return the events of each task, all of which have ended."""
    wanted = set(task_ids)

    def all_ended(events: Sequence[TaskEvent]) -> bool:
        return wanted <= {each.task_id for each in events if isinstance(each, TaskEnded)}

    events = _gather(workers, all_ended, "end of a task", before)
    if strangers := {each.task_id for each in events} - wanted:
        raise CheckFailedError(f"it tells of tasks that it was not given: {', '.join(sorted(strangers))}")
    of_task = {task_id: [each for each in events if each.task_id == task_id] for task_id in task_ids}
    for task_id, each in of_task.items():
        ends = [isinstance(event, TaskEnded) for event in each]
        if sum(ends) != 1 or not ends[-1]:
            raise CheckFailedError(f"the end of task {task_id} is told {sum(ends)} times, or not as its last event")
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
            raise CheckFailedError(f"for {_PATIENCE_SECONDS:g} s it told nothing, though the {what} is due")
    return events


def _end_of(events: Sequence[TaskEvent]) -> TaskEnded:
    end = events[-1]
    assert isinstance(end, TaskEnded)
    return end


def _require_sentence(end: TaskEnded, what: str) -> None:
    if not end.problem.strip() or "\n" in end.problem.strip():
        raise CheckFailedError(f"of a task that {what} it does not say in one line why: {end.problem!r}")


def _comes_true(condition: Callable[[], bool], seconds: float | None = None) -> bool:
    end = time.monotonic() + (_GRACE_SECONDS if seconds is None else seconds)
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _children() -> set[int]:
    """Return the processes that this one has started and that have not ended; empty where the system does not say."""
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
