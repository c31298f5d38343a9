"""Executors: where trials run, when that is not in processes of this machine.

A bench gives an executor tasks and asks it for messages. An executor knows nothing of trials: a task names a function,
which is called on some machine with plain data, and what that function yields is passed on, in its order. Records are
written by the bench alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from zoo.names import check_name
from zoo.options import Option, check_options


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A machine, or a part of one, that runs tasks."""

    name: str
    """How people know it: its address or host name."""
    cpus: float
    gpus: float = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """Something to run on one node."""

    task_id: str
    """Unique among the tasks that are not over yet."""
    function: str
    """``module:name`` of a :data:`TaskFunction`, to be imported on the node."""
    payload: Mapping[str, Any]
    """JSON values; the function's first argument."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """By name; the function's second argument."""
    cpus: float = 1
    gpus: float = 0
    node: str = ""
    """Name of the node where it is wanted, if that is free; empty: anywhere."""


class Control(Protocol):
    """What a task's function knows of those who wait for it."""

    node: str
    """Name of the node that it runs on."""

    def stop_requested(self) -> bool:
        """Tell whether the task was asked to save and stop. Quick enough to be asked several times a second."""


TaskFunction = Callable[[Mapping[str, Any], Mapping[str, bytes], Control], Iterator[tuple[dict[str, Any], bytes]]]
"""Called as ``function(payload, files, control)``; yields messages: JSON values, and bytes, which may be empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskStarted:
    """A task runs now."""

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
    """A task is over; the last that is heard of it."""

    task_id: str
    problem: str = ""
    """One sentence, where its function did not come to its end: it raised, or its process or node was lost."""
    lost: bool = False
    """Whether its process or node was lost, so that it may well succeed elsewhere. False where its function raised."""
    node: str = ""


TaskEvent = TaskStarted | TaskMessage | TaskEnded


class Workers(Protocol):
    """A connection to the machines that run tasks. Used from one thread.

    Once there will be no machines any more, all that ran is told to be lost, and whoever then submits or polls gets a
    :class:`zoo.errors.ZooError` that says why.
    """

    def nodes(self) -> Sequence[Node]:
        """Return the nodes that are there now; they may come and go."""

    def submit(self, task: Task) -> None:
        """Have *task* run as soon as a node has room for it. It is run once; a lost one is not tried again here."""

    def poll(self, seconds: float) -> Sequence[TaskEvent]:
        """Return what happened since the last call, in each task's order; wait up to *seconds* for something."""

    def stop(self, task_id: str) -> None:
        """Ask a task to save and stop; one that has not started ends at once. Its end is told by :meth:`poll`."""

    def kill(self, task_id: str) -> None:
        """End a task at once, with all that it started. Its end is told by :meth:`poll`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Executor:
    """A way to run trials on other machines, selected with ``zoo bench --executor NAME``."""

    name: str
    """Its name within its namespace: ``ray``."""
    open: Callable[[Mapping[str, Option]], AbstractContextManager[Workers]]
    """Given its options, connects. What it raises ends the bench before any trial: a :class:`zoo.errors.ZooError` says
    in one sentence what is wrong. At the end nothing that it started is left, whatever happened."""
    summary: str = ""
    """One line for ``zoo list``."""
    options: Mapping[str, Option] = field(default_factory=dict)
    """Defaults of what ``--executor-option NAME=VALUE`` may change."""
    namespace: str = ""
    """First half of its full name; empty means the plugin's own name."""
    short: bool = True
    """Whether it may be selected by ``name`` alone."""

    def __post_init__(self) -> None:
        check_name(self.name, "executor name")
        if self.namespace:
            check_name(self.namespace, "namespace")
        if not callable(self.open):
            raise ValueError(f"executor {self.name!r}: open must be callable")
        check_options(self.options, f"executor {self.name!r}")
