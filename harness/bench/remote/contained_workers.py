"""Contained workers: an executor's connection, whose errors are reported under the executor's name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TypeVar

from zoo.calling.containment import reported
from zoo.executor import Executor, Node, Task, TaskEvent, Workers
from zoo.options import Option

ResultT = TypeVar("ResultT")


class ContainedWorkers:
    """Passes calls on; see :class:`zoo.executor.Workers`.

    Raises:
        PluginError: From each method, if the executor's code raises anything but a :class:`zoo.errors.ZooError`.
    """

    def __init__(self, workers: Workers, name: str) -> None:
        self._workers, self._name = workers, name

    def nodes(self) -> Sequence[Node]:
        """Return the nodes that are available now."""
        return _call(self._name, "listing its nodes", lambda: tuple(self._workers.nodes()))

    def submit(self, task: Task) -> None:
        """Run *task* once."""
        _call(self._name, "taking a task", lambda: self._workers.submit(task))

    def poll(self, seconds: float) -> Sequence[TaskEvent]:
        """Return the events since the last call."""
        return _call(self._name, "being polled", lambda: tuple(self._workers.poll(seconds)))

    def stop(self, task_id: str) -> None:
        """Ask a task to save and stop."""
        _call(self._name, "stopping a task", lambda: self._workers.stop(task_id))

    def kill(self, task_id: str) -> None:
        """Kill a task."""
        _call(self._name, "killing a task", lambda: self._workers.kill(task_id))


@contextmanager
def connected(executor: Executor, options: Mapping[str, Option]) -> Iterator[ContainedWorkers]:
    """Connect to the machines of an executor, and close the connection after the body.

    Raises:
        PluginError: If the executor's code raises anything but a :class:`zoo.errors.ZooError`.
    """
    opened = _call(executor.name, "connecting", lambda: _opened(executor, options))
    workers = _call(executor.name, "connecting", opened.__enter__)
    try:
        yield ContainedWorkers(workers, executor.name)
    except BaseException as error:
        close = partial(opened.__exit__, type(error), error, error.__traceback__)
        _call(executor.name, "closing its connection", close)
        raise
    _call(executor.name, "closing its connection", lambda: opened.__exit__(None, None, None))


def _opened(executor: Executor, options: Mapping[str, Option]) -> AbstractContextManager[Workers]:
    opened = executor.open(dict(options))
    if not isinstance(opened, AbstractContextManager):
        raise TypeError(f"open must return a context manager, got {type(opened).__name__}")
    return opened


def _call(name: str, doing: str, function: Callable[[], ResultT]) -> ResultT:
    with reported(f"executor {name!r} is {doing}", f"executor {name!r} failed while {doing}"):
        return function()
