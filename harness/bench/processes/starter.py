"""Processes: start a job in a child of its own, watch it, stop it, and end what it has left running."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from harness.bench.processes.fork_server import (
    LOCK,
    await_server,
    cause_of_death,
    clean_start,
    context_with,
    ending_of,
    kept_going,
    let_go_on,
    server_pid,
    start_server,
)
from harness.bench.processes.jobs import run_job
from harness.system.atomic_files import write_json, writing
from harness.system.descendants import children_of, end_descendants, is_alive
from zoo.errors import ZooError

POLL_SECONDS = 0.1
"""How often a process that is waited for is looked at."""
_STARTS = 3
"""How often a process is started again whose fork server has ended meanwhile."""
_STATUS_OF_LOST = 255
"""The status that multiprocessing reports of a process whose fork server has ended."""
_END_SECONDS = 5.0
"""How long a process may take to end after SIGKILL."""

_jobs: set[int] = set()
"""Process IDs of the jobs of this process that have not ended; any other child of its fork server was left behind."""


class StartError(ZooError):
    """No process can be started for trials."""


class Starter:
    """Starts jobs: from a fork server that has preloaded the heavy libraries, or by spawning where there is none."""

    _has_started = False

    def __init__(self, modules: Iterable[str]) -> None:
        self._context = context_with(modules)

    def warm_up(self) -> None:
        """Start the fork server now, so that it imports the libraries while the caller prepares what to run.

        A server that dies is noticed by the first :meth:`start`.
        """
        if self._has_fork_server:
            with LOCK, clean_start():
                start_server()

    @property
    def _has_fork_server(self) -> bool:
        return self._context.get_start_method() == "forkserver"

    def await_server(self, is_over: Callable[[], bool]) -> bool:
        """Wait until the fork server has imported the libraries or has ended, and return whether a job can start.

        None can before, and :meth:`start` would wait for it whatever happens.

        Args:
            is_over: Whether nobody wants it any more; then False is returned, and the server ends.
        """
        if not self._has_fork_server:
            return not is_over()
        self.warm_up()
        return await_server(is_over)

    def start(self, job: dict[str, Any], folder: Path) -> Job:
        """Write *job* to *folder* and start it.

        Raises:
            StoreError: If it cannot be written.
            StartError: If the fork server dies, such as when it cannot import torch.
        """
        path = folder / "job.json"
        with writing(folder):
            write_json(path, job)
        with LOCK, clean_start(), kept_going():
            if self._has_fork_server:
                start_server()
            for attempt in range(1, _STARTS + 1):
                process = self._context.Process(target=run_job, args=(str(path),), daemon=False)  # type: ignore[attr-defined]
                try:
                    process.start()
                except (EOFError, ConnectionError) as error:
                    # A server that worked may have been killed; one that never did will not start the next time either.
                    if not self._has_started or attempt == _STARTS:
                        raise StartError(f"no process can be started for trials: {cause_of_death()}") from error
                else:
                    break
            self._has_started = True
            _jobs.add(process.pid)
        return Job(process, server_pid() if self._has_fork_server else None)


class Job:
    """A job in a child process.

    Args:
        process: The child.
        server: Process ID of the fork server that started it, if one did.
    """

    def __init__(self, process: Any, server: int | None = None) -> None:
        self._process, self._server = process, server
        self._start = time.monotonic()
        self._is_over = False
        self.lost = ""
        """How the fork server ended, which then took the child with it; empty if it did not."""

    def wait(self, seconds: float) -> bool:
        """Wait up to *seconds* for the child to end, and tell whether it has; what it left running is then ended."""
        multiprocessing.connection.wait([self._process.sentinel], timeout=seconds)
        if self._process.exitcode is None:
            let_go_on(self._server)
            return False
        self._end_rest()
        return True

    @property
    def sentinel(self) -> int:
        """What the system can wait for; it is ready when the child has ended."""
        return int(self._process.sentinel)

    @property
    def seconds(self) -> float:
        """Time since it started; monotonic."""
        return time.monotonic() - self._start

    @property
    def status(self) -> int:
        """Exit status; negative for the signal that ended it."""
        assert self._process.exitcode is not None
        return int(self._process.exitcode)

    def interrupt(self) -> None:
        """Ask the child to save and stop."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the child and all that it started, at once, and wait for it."""
        self._signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        while self._process.exitcode is None:
            let_go_on(self._server)
            self._process.join(POLL_SECONDS)
        self._end_rest()

    def _end_rest(self) -> None:
        """End what a child that has ended left running; it would hold the trial's lock, or keep a pipe open."""
        if self._is_over:
            return
        self._is_over = True
        pid = self._process.pid
        if self._server is not None and self._process.exitcode == _STATUS_OF_LOST:
            self.lost = ending_of(self._server)
            if self.lost:
                _await_end(pid)  # the kernel ends it, but nobody waits for it
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        with LOCK:
            _jobs.discard(pid)
            # Jobs adopt the orphans below them, so what comes to the server belongs to a job that has ended. A server
            # that is not this process's own has jobs of others.
            if self._server is not None and self._server in children_of(os.getpid()):
                end_descendants(self._server, spare=_jobs)

    def _signal(self, number: int) -> None:
        pid = self._process.pid
        with contextlib.suppress(ProcessLookupError):
            # Its group, if it already leads one; else it alone.
            if hasattr(os, "killpg") and number != signal.SIGTERM and _leads_group(pid):
                os.killpg(pid, number)
            else:
                os.kill(pid, number)


def _await_end(pid: int) -> None:
    """Kill a process whose parent has ended, and wait until it is gone, as it holds a lock until then."""
    deadline = time.monotonic() + _END_SECONDS
    while is_alive(pid) and time.monotonic() < deadline:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def visible_devices() -> dict[str, str]:
    """Return the variables that say which GPUs a process may use, where they are set.

    A fork server keeps the environment that it was started with, and a cluster gives its workers other GPUs for each
    task.
    """
    return {name: os.environ[name] for name in ("CUDA_VISIBLE_DEVICES",) if name in os.environ}


def wait_for_any(jobs: Sequence[Job], seconds: float) -> None:
    """Wait up to *seconds* for one of *jobs* to end; without jobs, so long."""
    if jobs:
        multiprocessing.connection.wait([job.sentinel for job in jobs], timeout=seconds)
    else:
        time.sleep(seconds)


def _leads_group(pid: int) -> bool:
    try:
        return os.getpgid(pid) == pid
    except ProcessLookupError:
        return False
