"""The executor ``ray``: trials as tasks of a Ray cluster (needs the extra ``zoobench[ray]``).

Without an address it starts a cluster of its own on this machine, which listens on loopback only and ends with the
bench. Ray itself is spoken with by a process of its own (:mod:`plugins.executors._ray_driver`), so that nothing that
Ray does can end or hang the bench.
"""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from plugins.executors._frames import Channel, ChannelClosedError, Frame
from plugins.executors._ray_errors import TOKEN_HELP, last_line
from zoo.errors import PluginError, UsageError
from zoo.executor import Executor, Node, Task, TaskEnded, TaskEvent, TaskMessage, TaskStarted
from zoo.hookspecs import hookimpl
from zoo.options import Option

LOG = "driver.log"
_KNOCK_SECONDS = 5.0
_CLOSE_SECONDS = 12.0
"""Longer than the process that speaks with Ray allows itself."""
SILENT_SECONDS = 40.0
"""Time after which a cluster that sends nothing is given up; a message is due every two seconds."""
_MOST_BYTES = 64 * 2**20
"""What one call of poll may return in contents, so that the bench can write it down before it takes more."""


@hookimpl
def zoo_executors() -> Iterator[Executor]:
    yield Executor(
        name="ray",
        open=open_cluster,
        summary="on the machines of a Ray cluster, or of one started for the bench (extra: zoobench[ray])",
        libraries=("ray",),
        options={
            "address": "",  # HOST:PORT of a cluster; auto: the one that this machine belongs to; empty: one of its own
            "cpus": None,  # of its own cluster; None: all that this process may use
            "gpus": None,  # of its own cluster; None: all that Ray finds
            "start_timeout": 60.0,  # seconds that connecting, or starting its own cluster, may take
            "node_timeout": 300.0,  # seconds that a trial waits for a node that could hold it to join the cluster
        },
    )


@contextmanager
def open_cluster(options: Mapping[str, Option]) -> Iterator[RayWorkers]:
    """Connect to a cluster, or start one; at the end, leave it, or end it.

    Raises:
        PluginError: If Ray is not installed, or the cluster is not available.
        UsageError: If an option cannot be meant.
    """
    settings = check_settings(options)
    if importlib.util.find_spec("ray") is None:
        raise PluginError("it needs the library 'ray': install it with pip install 'zoobench[ray]'")
    if os.name == "nt":
        raise PluginError("the executor 'ray' needs Linux or macOS")
    _knock(settings["address"])
    # Paths of sockets are short: not under a long TMPDIR.
    folder = Path(tempfile.mkdtemp(prefix="zoo-ray-", dir="/tmp" if Path("/tmp").is_dir() else None))
    workers = None
    try:
        workers = _start(settings, folder)
        yield workers
    finally:
        if workers is not None:
            workers.close()
        # The logs of a cluster of its own are in there, and worth keeping if something went wrong in it.
        if settings["address"] or workers is None or not workers.keeps_logs:
            shutil.rmtree(folder, ignore_errors=True)


def check_settings(options: Mapping[str, Option]) -> dict[str, Any]:
    """Return the options as they are meant.

    Raises:
        UsageError: If one cannot be meant.
    """
    address = str(options["address"]).strip()
    host, _, port = address.rpartition(":")
    if "://" in address:
        raise UsageError(
            f"option 'address' of executor 'ray': {address!r} is for Ray's client; give HOST:PORT of the "
            "cluster's head, on a machine that has joined the cluster"
        )
    if address not in ("", "auto") and not (host and port.isdecimal() and 0 < int(port) < 65536):
        raise UsageError(f"option 'address' of executor 'ray': expected HOST:PORT, auto or nothing, got {address!r}")
    for name in ("cpus", "gpus"):
        value = options[name]
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < (name == "cpus")):
            raise UsageError(f"option {name!r} of executor 'ray': expected a whole number, got {value!r}")
        if value is not None and address:
            raise UsageError(f"option {name!r} of executor 'ray' is only for a cluster of its own, not for {address!r}")
    for name in ("start_timeout", "node_timeout"):
        if not isinstance(options[name], float) or not float(str(options[name])) > 0:
            raise UsageError(f"option {name!r} of executor 'ray': expected seconds above zero, got {options[name]!r}")
    return {**options, "address": address}


def environment(address: str, given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for the process that speaks with Ray."""
    # Ray would tell its makers that it is used; who wants that can say so.
    variables = {"RAY_USAGE_STATS_ENABLED": "0", **given}
    if not address:
        # What Ray does where it does not do clusters of several machines: it listens on loopback only.
        variables["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        variables["RAY_AUTH_MODE"], variables["RAY_AUTH_TOKEN"] = "token", secrets.token_hex(32)
        for name in ("RAY_ADDRESS", "RAY_AUTH_TOKEN_PATH"):
            variables.pop(name, None)
    elif "RAY_AUTH_TOKEN" in given or "RAY_AUTH_TOKEN_PATH" in given:
        # Whoever gives a token means it to be used.
        variables.setdefault("RAY_AUTH_MODE", "token")
    # A cluster that refuses is asked this often, once a second.
    variables.setdefault("RAY_NUM_REDIS_GET_RETRIES", "8")
    return variables


class RayWorkers:
    """The bench's end of the connection to the process that speaks with Ray."""

    def __init__(self, channel: Channel, process: subprocess.Popen[bytes], folder: Path) -> None:
        self._channel, self._process, self._folder = channel, process, folder
        self._nodes: tuple[Node, ...] = ()
        self._open: dict[str, str] = {}
        """The tasks that are not over, with the node of each that has started."""
        self._events: list[TaskEvent] = []
        """What happened without the cluster's doing."""
        self._gone = ""
        self._heard_at = time.monotonic()
        self.keeps_logs = False
        """Whether something went wrong that the cluster's logs tell of."""

    def nodes(self) -> Sequence[Node]:
        return self._nodes

    def submit(self, task: Task) -> None:
        if self._gone:
            raise PluginError(self._gone)
        self._open[task.task_id] = ""
        asked: dict[str, Any] = {
            "do": "submit",
            "task_id": task.task_id,
            "function": task.function,
            "payload": dict(task.payload),
        }
        asked |= {"files": list(task.files), "cpus": task.cpus, "gpus": task.gpus, "node": task.node}
        self._ask(asked, *task.files.values())

    def stop(self, task_id: str) -> None:
        self._ask({"do": "stop", "task_id": task_id})

    def kill(self, task_id: str) -> None:
        self._ask({"do": "kill", "task_id": task_id})

    def poll(self, seconds: float) -> Sequence[TaskEvent]:
        deadline, size = time.monotonic() + seconds, 0
        while size < _MOST_BYTES and not self._gone:
            left = 0.0 if self._events else max(0.0, deadline - time.monotonic())
            try:
                frame = self._channel.receive(left)
            except ChannelClosedError:
                self._lose_all(self._last_words())
                break
            if frame is None:
                if time.monotonic() - self._heard_at > SILENT_SECONDS:
                    self._lose_all("the Ray cluster is gone: it no longer answers")
                break
            size += sum(map(len, frame[1]))
            self._hear(frame)
        if self._gone and not self._events:
            raise PluginError(self._gone)
        events, self._events = self._events, []
        return events

    def wait_until_ready(self, seconds: float) -> str:
        """Wait for the cluster, and return why it is not available; empty if it is."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                frame = self._channel.receive(left)
            except ChannelClosedError:
                return self._last_words()
            if frame is not None and frame[0]["is"] == "ready":
                return ""
            if frame is not None:
                self._hear(frame)
            if self._gone:
                return self._gone
        return f"it did not answer within {seconds:g} s: --executor-option start_timeout=SECONDS sets a longer wait"

    def close(self) -> None:
        """End what runs, leave the cluster, and end what was started; waits no longer than some seconds."""
        with suppress(ChannelClosedError):
            self._channel.send({"do": "close"})
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1 if self._gone else _CLOSE_SECONDS)
        self._channel.close()
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()

    def _ask(self, asked: Mapping[str, Any], *contents: bytes) -> None:
        if not self._gone:
            try:
                self._channel.send(asked, *contents)
            except ChannelClosedError:
                self._lose_all(self._last_words())

    def _hear(self, frame: Frame) -> None:
        said, contents = frame
        self._heard_at = time.monotonic()
        kind, task_id = said["is"], said.get("task_id", "")
        if kind == "nodes":
            self._nodes = tuple(Node(**each) for each in said["nodes"])
        elif kind == "refused":
            self._lose_all(said["problem"])
        elif task_id not in self._open:
            return  # of a task that was given up
        elif kind == "started":
            self._open[task_id] = said["node"]
            self._events.append(TaskStarted(task_id=task_id, node=said["node"]))
        elif kind == "message":
            message = json.loads(contents[0])
            self._events.append(TaskMessage(task_id=task_id, message=message, content=contents[1]))
        elif kind == "ended":
            del self._open[task_id]
            self.keeps_logs |= said["log"]
            self._events.append(
                TaskEnded(task_id=task_id, problem=said["problem"], lost=said["lost"], node=said["node"])
            )

    def _lose_all(self, why: str) -> None:
        """Give up all tasks: there is no cluster any more."""
        self._gone, self._nodes, self.keeps_logs = why, (), True
        for task_id, node in self._open.items():
            self._events.append(TaskEnded(task_id=task_id, problem=why, lost=True, node=node))
        self._open.clear()

    def _last_words(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        words = last_line((self._folder / LOG).read_text(errors="replace"))
        return f"the connection to the Ray cluster was lost ({words or 'it ended without a word'})"


def _start(settings: dict[str, Any], folder: Path) -> RayWorkers:
    address = settings["address"]
    if not address and settings["cpus"] is None:
        usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
        settings = {**settings, "cpus": len(usable)}
    ours, theirs = socket.socketpair()
    with theirs, (folder / LOG).open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "plugins.executors._ray_driver", str(theirs.fileno())],
            cwd=folder,  # Ray looks for modules where it is started; nothing of the user's is to be found there
            env=environment(address, os.environ),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a Ctrl-C at the terminal is the bench's to handle
        )
    workers = RayWorkers(Channel(ours), process, folder)
    with suppress(ChannelClosedError):
        workers._channel.send({**settings, "folder": str(folder)})
    problem = workers.wait_until_ready(settings["start_timeout"])
    if problem:
        workers.close()
        raise PluginError(_about(address, problem))
    return workers


def _about(address: str, problem: str) -> str:
    where = f"the Ray cluster at {address}" if address else "a Ray cluster on this machine"
    if problem.startswith("it did not answer"):
        hint = f"; if it asks for a token, {TOKEN_HELP}" if address else ""
        return problem.replace("it did", f"{where} did", 1) + hint
    return problem


def _knock(address: str) -> None:
    """Find out at once whether anybody listens at *address*: Ray would try for long.

    Raises:
        PluginError: If nobody does.
    """
    host, _, port = address.rpartition(":")
    if not host:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_SECONDS).close()
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise PluginError(f"no Ray cluster answers at {address} ({reason})") from error
