"""The little of Ray that the process between the bench and a cluster uses, imitated: one machine, no processes.

Tasks do what :data:`OUTPUTS` says. It is used as the module ``ray``, in a test's process or in one of its own.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
from types import SimpleNamespace
from typing import Any

sys.modules["ray.util.scheduling_strategies"] = sys.modules[__name__]

NODES: list[dict[str, Any]] = [
    {"NodeID": "id-1", "NodeName": "n1", "Alive": True, "Resources": {"CPU": 2.0}},
]
OUTPUTS: dict[str, list[bytes | Exception]] = {}
"""What the task with that name hands back, in order; after it, it waits until it is cancelled."""
VERSION: list[str] = []
"""The version of zoo that nodes have; empty: the real one."""
SUBMITTED: list[str] = []
"""Names of the tasks that were given to Ray."""
CALLS: list[tuple[Any, ...]] = []
"""What was asked of actors, and of Ray itself."""


class NodeAffinitySchedulingStrategy:
    def __init__(self, node: str, soft: bool, **how: bool) -> None:
        self.node = node


class Generator:
    """What a streaming task returns."""

    def __init__(self, name: str) -> None:
        self._left, self._cancelled = list(OUTPUTS.get(name, [])), asyncio.Event()

    def __aiter__(self) -> Generator:
        return self

    async def __anext__(self) -> asyncio.Future[bytes]:
        if not self._left:
            await self._cancelled.wait()
            raise RuntimeError("it was cancelled")
        output = self._left.pop(0)
        if isinstance(output, Exception):
            raise output
        return ready(output)

    def cancel(self) -> None:
        self._cancelled.set()


def ready(value: Any) -> asyncio.Future[Any]:
    future = asyncio.get_running_loop().create_future()
    future.set_result(value)
    return future


class Remote:
    """A function or class that was made remote."""

    def __init__(self, function: Any, name: str = "") -> None:
        self._function, self._name = function, name

    def options(self, *, name: str = "", **others: Any) -> Remote:
        return Remote(self._function, name)

    def remote(self, *arguments: Any) -> Any:
        if inspect.isclass(self._function):
            return SimpleNamespace(**{name: _method(name) for name in ("stop", "forget", "wait")})
        if inspect.isgeneratorfunction(self._function):
            SUBMITTED.append(self._name)
            return Generator(self._name.removeprefix("zoo "))
        if self._function.__name__ == "examine" and VERSION:
            return ready(json.dumps({"version": VERSION[0]}).encode())
        return ready(self._function(*arguments))


def _method(name: str) -> SimpleNamespace:
    return SimpleNamespace(remote=lambda *arguments: CALLS.append((name, *arguments)))


def remote(function: Any = None, **options: Any) -> Any:
    return Remote if function is None else Remote(function)


def nodes() -> list[dict[str, Any]]:
    if not NODES:
        raise ConnectionError("the head is gone")
    return NODES


def cancel(generator: Generator, *, force: bool) -> None:
    CALLS.append(("cancel", force))
    generator.cancel()


def init(**options: Any) -> None:
    if os.environ.get("IMITATED_RAY_FAILS"):
        raise ConnectionError(os.environ["IMITATED_RAY_FAILS"])
    print("init", json.dumps(options, sort_keys=True), flush=True)


def shutdown() -> None:
    print("shutdown", flush=True)


def get_runtime_context() -> SimpleNamespace:
    return SimpleNamespace(get_node_id=lambda: "id-1")
