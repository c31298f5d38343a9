"""Processes: start a job in a child of its own, watch it, stop it, and end what it has left running."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import multiprocessing.util
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.bench.jobs import run_job
from harness.system.atomic_files import write_json, writing
from harness.system.descendants import children_of, end_descendants, is_alive
from harness.system.process_exit import describe_status
from zoo.errors import ZooError

POLL_SECONDS = 0.1
"""How often a process that is waited for is looked at."""
PRELOAD_VARIABLE = "ZOO_PRELOAD"
"""Tells the fork server what to import (see :mod:`harness.bench.preload`), which takes no arguments."""
PRELOAD_ALLOWED = ("torch", "torchvision", "timm", "torch._dynamo")
"""Nothing else: a module that crashed there would take every trial with it."""
SAFE_PATH_VARIABLE = "PYTHONSAFEPATH"
UNSET_VARIABLE = "ZOO_UNSET"
"""Names a variable that is for the fork server only, and not for what its children start."""
_IMPORT_SECONDS = 120
_STARTS = 3
"""How often a process is started again whose fork server has ended meanwhile."""
_STATUS_OF_LOST = 255
"""The status that multiprocessing reports of a process whose fork server has ended."""
_LONGEST_FOLDER = 60
"""Bytes of a temporary folder in which the path of a socket is short enough."""
_END_SECONDS = 5.0
"""How long a process may take to end after SIGKILL."""

_jobs: set[int] = set()
"""Process IDs of the jobs of this process that have not ended; any other child of its fork server was left behind."""
_lock = threading.Lock()
"""Held while a job starts, since its process exists before its ID is known, and while others are ended."""


class StartError(ZooError):
    """No process can be started for trials."""


class Starter:
    """Starts jobs: from a fork server that has preloaded the heavy libraries, or by spawning where there is none."""

    _has_started = False

    def __init__(self, modules: Iterable[str]) -> None:
        self._context: BaseContext
        if "forkserver" in multiprocessing.get_all_start_methods():
            context = multiprocessing.get_context("forkserver")
            _keep_sockets_short()
            os.environ[PRELOAD_VARIABLE] = ",".join(name for name in PRELOAD_ALLOWED if name in set(modules))
            context.set_forkserver_preload(["harness.bench.preload"])
            self._context = context
        else:
            self._context = multiprocessing.get_context("spawn")

    def warm_up(self) -> None:
        """Start the fork server now, so that it imports the libraries while the caller prepares what to run.

        A server that dies is noticed by the first :meth:`start`.
        """
        if self._context.get_start_method() == "forkserver":
            with _nameless_main(), safe_path(), _lock:
                forkserver.ensure_running()

    def start(self, job: dict[str, Any], folder: Path) -> Job:
        """Write *job* to *folder* and start it.

        Raises:
            StoreError: If it cannot be written.
            StartError: If the fork server dies, such as when it cannot import torch.
        """
        path = folder / "job.json"
        with writing(folder):
            write_json(path, job)
        with _nameless_main(), safe_path(), _lock, _kept_going():
            for attempt in range(1, _STARTS + 1):
                process = self._context.Process(target=run_job, args=(str(path),), daemon=False)  # type: ignore[attr-defined]
                try:
                    process.start()
                except (EOFError, ConnectionError) as error:
                    # A server that worked may have been killed; one that never did will not start the next time either.
                    if not self._has_started or attempt == _STARTS:
                        raise StartError(f"no process can be started for trials: {_cause_of_death()}") from error
                else:
                    break
            self._has_started = True
            _jobs.add(process.pid)
        return Job(process, _server_pid() if self._context.get_start_method() == "forkserver" else None)


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
            _let_go_on(self._server)
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
            _let_go_on(self._server)
            self._process.join(POLL_SECONDS)
        self._end_rest()

    def _end_rest(self) -> None:
        """End what a child that has ended left running; it would hold the trial's lock, or keep a pipe open."""
        if self._is_over:
            return
        self._is_over = True
        pid = self._process.pid
        if self._server is not None and self._process.exitcode == _STATUS_OF_LOST:
            self.lost = _ending_of(self._server)
            if self.lost:
                _await_end(pid)  # the kernel ends it, but nobody waits for it
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        with _lock:
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


@contextlib.contextmanager
def _nameless_main() -> Iterator[None]:
    """Have children not import this process's main module: be that a script or a cluster's worker.

    A job needs nothing of it, and it may take long, or be without a guard.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextlib.contextmanager
def safe_path() -> Iterator[None]:
    """Have children never import from the working folder, where a file may be called like a library.

    An interpreter that is started with ``-c``, as the fork server is, looks there first, and children take over this
    process's ``sys.path``, which begins with the working folder in a notebook and after ``python -m``. What is on
    ``PYTHONPATH`` or installed in development mode stays.
    """
    path = list(sys.path)
    is_first = not sys.flags.safe_path and bool(path) and path[0] == str(Path.cwd())
    sys.path[:] = [entry for entry in path[is_first:] if entry]
    was_set = SAFE_PATH_VARIABLE in os.environ
    if not was_set:
        os.environ.update({SAFE_PATH_VARIABLE: "1", UNSET_VARIABLE: SAFE_PATH_VARIABLE})
    try:
        yield
    finally:
        sys.path[:] = path
        if not was_set:
            del os.environ[SAFE_PATH_VARIABLE], os.environ[UNSET_VARIABLE]


def _keep_sockets_short() -> None:
    """Put the fork server's sockets into ``/tmp`` where ``TMPDIR`` is long: their paths may have about 100 bytes."""
    if len(os.fsencode(tempfile.gettempdir())) <= _LONGEST_FOLDER or not Path("/tmp").is_dir():
        return
    before = tempfile.tempdir
    tempfile.tempdir = "/tmp"
    try:
        multiprocessing.util.get_temp_dir()  # it is made once, and removed at the end
    finally:
        tempfile.tempdir = before


@contextlib.contextmanager
def _kept_going() -> Iterator[None]:
    """Let the fork server go on, should somebody stop it, while the body waits for its answer without a limit."""
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(1.0):
            _let_go_on(_server_pid())

    threading.Thread(target=watch, name="fork server", daemon=True).start()
    try:
        yield
    finally:
        is_over.set()


def _let_go_on(server: int | None) -> None:
    """Continue a fork server that a trial has stopped: it would neither start a process nor tell that one has ended."""
    if server is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(server, signal.SIGCONT)


def _server_pid() -> int | None:
    return getattr(getattr(forkserver, "_forkserver", None), "_forkserver_pid", None)


def _ending_of(pid: int) -> str:
    """Return how a child of this process ended, without collecting its status; empty if it runs."""
    deadline = time.monotonic() + 1.0
    while True:
        try:
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:  # it was collected, or it is a child of another process
            return "" if is_alive(pid) else "for an unknown reason"
        if ended is not None:
            killed = ended.si_code in (os.CLD_KILLED, os.CLD_DUMPED)
            return f"with {describe_status(-ended.si_status if killed else ended.si_status, out_of_memory=False)}"
        # Its files are closed a moment before its end can be seen; a child that ended with that status has a server.
        if time.monotonic() > deadline:
            return ""
        time.sleep(0.01)


def _await_end(pid: int) -> None:
    """Kill a process whose parent has ended, and wait until it is gone, as it holds a lock until then."""
    deadline = time.monotonic() + _END_SECONDS
    while is_alive(pid) and time.monotonic() < deadline:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _cause_of_death() -> str:
    """Return why the fork server ended, from a second attempt at what it imports."""
    with safe_path():
        done = subprocess.run(
            [sys.executable, "-c", "import harness.bench.preload"],
            check=False,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_IMPORT_SECONDS,
        )
    if done.returncode == 0:
        return "the process that starts them ended unexpectedly; was it killed, or is memory short?"
    lines = done.stderr.strip().splitlines()
    return f"importing {os.environ.get(PRELOAD_VARIABLE, '')} failed: {lines[-1] if lines else 'it printed nothing'}"


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
