"""Executors: run trials on other machines.

A bench submits tasks to an executor and polls it for messages. An executor knows nothing about trials: a task names a
function, which is called on some machine with plain data, and the messages that it yields are passed on in order. Only
the bench writes records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from zoo.dependencies import check_dependencies
from zoo.names import check_name
from zoo.options import Option, check_options


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A machine, or a part of one, that runs tasks."""

    name: str
    """Address or host name."""
    cpus: float
    """Number of CPU cores."""
    gpus: float = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A function call to run on one node."""

    task_id: str
    """Identifier, unique among unfinished tasks."""
    function: str
    """A :data:`TaskFunction` as ``module:name``, which the node imports."""
    payload: Mapping[str, Any]
    """First argument of the function, made of JSON values."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Second argument of the function: contents of files by name."""
    cpus: float = 1
    gpus: float = 0
    node: str = ""
    """Name of the preferred node, used if that node is free; empty: any node."""


class Control(Protocol):
    """The connection of a running task to the bench."""

    node: str
    """Name of the node that runs the task."""

    def stop_requested(self) -> bool:
        """Return whether the task was asked to save and stop; cheap enough to call several times a second."""


TaskFunction = Callable[[Mapping[str, Any], Mapping[str, bytes], Control], Iterator[tuple[dict[str, Any], bytes]]]
"""Called as ``function(payload, files, control)``; yields messages: JSON values, and bytes, which may be empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskStarted:
    """A task has started."""

    task_id: str
    node: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskMessage:
    """A task's function yielded a message."""

    task_id: str
    message: Mapping[str, Any]
    content: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskEnded:
    """A task is over; the last event of a task."""

    task_id: str
    problem: str = ""
    """One sentence if the function did not finish: it raised, or its process or node was lost."""
    lost: bool = False
    """Whether its process or node was lost, so that it may succeed elsewhere; False if the function raised."""
    node: str = ""


TaskEvent = TaskStarted | TaskMessage | TaskEnded


class Workers(Protocol):
    """A connection to the machines that run tasks, used from one thread.

    When no machine is left for good, running tasks are reported as lost, and later calls of ``submit`` and ``poll``
    raise a :class:`zoo.errors.ZooError` that says why.
    """

    def nodes(self) -> Sequence[Node]:
        """Return the nodes that are available now; they may come and go."""

    def submit(self, task: Task) -> None:
        """Run *task* once, as soon as a node has room for it; a lost task is not retried here."""

    def poll(self, seconds: float) -> Sequence[TaskEvent]:
        """Return the events since the last call, in order for each task; wait up to *seconds* for the first."""

    def stop(self, task_id: str) -> None:
        """Ask a task to save and stop; one that has not started ends at once. :meth:`poll` reports its end."""

    def kill(self, task_id: str) -> None:
        """Kill a task and all processes that it started. :meth:`poll` reports its end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Executor:
    """A way to run trials on other machines, selected with ``zoo bench --executor NAME``."""

    name: str
    """Name within its namespace: ``ray``."""
    open: Callable[[Mapping[str, Option]], AbstractContextManager[Workers]]
    """Takes its options and connects. An exception ends the bench before any trial; a :class:`zoo.errors.ZooError` says
    in one sentence what is wrong. On exit, nothing that it started may be left, even after an error."""
    summary: str = ""
    """One line that ``zoo list`` shows."""
    options: Mapping[str, Option] = field(default_factory=dict)
    """Names and defaults of the options that ``--executor-option NAME=VALUE`` changes."""
    libraries: tuple[str, ...] = ()
    """Distributions that it needs beyond those of zoo; selecting it where one is not installed is an error that names
    the extra. No result depends on an executor, so their versions are not part of a key."""
    namespace: str = ""
    """First half of its full name; empty: the name of the plugin."""
    short: bool = True
    """Whether it can be selected by ``name`` alone."""

    def __post_init__(self) -> None:
        check_name(self.name, "executor name")
        if self.namespace:
            check_name(self.namespace, "namespace")
        if not callable(self.open):
            raise ValueError(f"executor {self.name!r}: open must be callable")
        check_options(self.options, f"executor {self.name!r}")
        check_dependencies((), self.libraries, f"executor {self.name!r}")
