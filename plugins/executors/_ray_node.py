"""What runs on the nodes of a Ray cluster: each task's function, and small questions about a node.

Everything that goes back to the bench is a plain byte string, which Ray does not pickle: a JSON object for each
message, on a line, and its content after it, or in a string of its own if it is large. It begins with ``started`` and
ends with ``ended``; where that is missing, the process was lost.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import zoo

MOST_TOGETHER = 64 * 2**10
"""Larger contents are not copied once more to save a message; Ray, too, hands on by itself what is as small."""


def run_task(spec: bytes, stops: Any, *contents: bytes) -> Iterator[bytes]:
    """Run one task's function. *stops* is the :class:`Stops` of the bench, as a handle of Ray's."""
    asked = json.loads(spec)
    import ray

    node = ray.get_runtime_context().get_node_id()
    name = asked["name"] if node == asked["node"] else f"{ray.util.get_node_ip_address()}-{node[:6]}"
    log = log_of_this_process()
    yield json.dumps({"is": "started", "node": node, "name": name, "log": log}).encode()
    problem, foreign = "", zoo.__version__ != asked["version"]
    if foreign:
        problem = different_versions(name, zoo.__version__, asked["version"])
    else:
        control = _Control(name, stops.wait.remote(asked["number"]).future())
        try:
            yield from _messages(asked, dict(zip(asked["files"], contents, strict=True)), control)
        except BaseException as error:  # a plugin's sys.exit, too
            traceback.print_exc()
            problem = f"{asked['function']} raised {describe(error)} on node {name}"
            problem += f" (traceback: {log} there)" if log else ""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    # Where the versions differ, another node may well do.
    yield json.dumps({"is": "ended", "problem": problem, "lost": foreign}).encode()


def _messages(asked: dict[str, Any], files: dict[str, bytes], control: _Control) -> Iterator[bytes]:
    module, _, function = asked["function"].partition(":")
    with closing(getattr(importlib.import_module(module), function)(asked["payload"], files, control)) as messages:
        for message, content in messages:
            apart = len(content) > MOST_TOGETHER
            # Encoded by itself, so that it can be passed on as it is.
            head = json.dumps({"is": "message", "apart": apart, "message": json.dumps(message)}).encode()
            if apart:
                yield head
                yield content if type(content) is bytes else bytes(content)
            else:
                yield head + b"\n" + content


class _Control:
    """What a task's function knows of the bench."""

    def __init__(self, node: str, stopped: Any) -> None:
        self.node = node
        self._stopped = stopped

    def stop_requested(self) -> bool:
        # Its answer comes by itself, also when the bench is gone: nothing is asked over the network here.
        return bool(self._stopped.done())


class Stops:
    """Tells tasks that they are to stop. One for each bench, beside it; it takes no CPU of the cluster's."""

    def __init__(self) -> None:
        self._asked: dict[int, asyncio.Event] = {}

    async def wait(self, number: int) -> bytes:
        await self._asked.setdefault(number, asyncio.Event()).wait()
        return b""

    async def stop(self, number: int) -> None:
        self._asked.setdefault(number, asyncio.Event()).set()

    async def forget(self, number: int) -> None:
        asked = self._asked.pop(number, None)
        if asked is not None:
            asked.set()


def examine() -> bytes:
    """Say which zoo a node has."""
    return json.dumps({"version": zoo.__version__}).encode()


def read_tail(path: str, most: int = 4096) -> bytes:
    """Return the end of a log."""
    try:
        with Path(path).open("rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - most))
            return log.read()
    except OSError:
        return b""


def log_of_this_process() -> str:
    """Return the file that this process's errors go to; empty where that cannot be told."""
    try:
        path = Path("/proc/self/fd/2").readlink()
    except OSError:
        return ""
    return str(path) if path.is_file() else ""


def different_versions(node: str, theirs: str, ours: str) -> str:
    return f"node {node} has zoobench {theirs}, but this machine has {ours}: install the same version on both"


def describe(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:500] if text else type(error).__name__
