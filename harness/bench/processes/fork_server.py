"""The fork server: a process that imports the heavy libraries once, and from which jobs are forked.

Python's ``multiprocessing`` has one for each process. Here it is started, waited for, kept going and ended.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.util
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import BaseContext
from pathlib import Path
from types import ModuleType

from harness.bench.processes.server_start import ServerStart
from harness.system.descendants import is_alive
from harness.system.process_exit import describe_status

PRELOAD_VARIABLE = "ZOO_PRELOAD"
"""Tells the fork server what to import (see :mod:`harness.bench.processes.preload`), which takes no arguments."""
PRELOAD_ALLOWED = (
    "torch", "torchvision", "timm", "torch._dynamo", "sklearn.linear_model", "sklearn.discriminant_analysis",
)  # fmt: skip
"""Nothing else: a module that crashed there would take every trial with it."""
SAFE_PATH_VARIABLE = "PYTHONSAFEPATH"
UNSET_VARIABLE = "ZOO_UNSET"
"""Names a variable that is for the fork server only, and not for what its children start."""
_IMPORT_SECONDS = 120
_READY_SECONDS = 0.01
"""How often it is looked whether the server is ready."""
_LONGEST_FOLDER = 60
"""Bytes of a temporary folder in which the path of a socket is short enough."""

START = ServerStart()
LOCK = threading.Lock()
"""Held while the server or a job starts, since its process exists before its ID is known, and while one is ended."""


def context_with(modules: Iterable[str]) -> BaseContext:
    """Return the way to start processes: from a server that has imported these modules, or by spawning without one."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    _keep_sockets_short()
    names = [name for name in PRELOAD_ALLOWED if name in set(modules)]
    os.environ[PRELOAD_VARIABLE] = ",".join(names)
    START.tell(names)
    context.set_forkserver_preload(["harness.bench.processes.preload"])
    return context


def start_server(*, awaits_list: bool = False) -> None:
    """Start the server unless it runs; the caller holds :data:`LOCK`, and is within :func:`clean_start`."""
    if is_server_alive():
        return
    START.begin(Path(multiprocessing.util.get_temp_dir()), awaits_list=awaits_list)
    resource_tracker.ensure_running()  # else it starts with the server, and unblocks the signal
    # A Ctrl-C at the terminal comes to the server too, which would end in the middle of its imports.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        START.end()


def await_server(is_over: Callable[[], bool]) -> bool:
    """Wait until the server has imported all or has ended, and return True; it starts no job before.

    Args:
        is_over: Whether nobody wants a job any more; then the answer is False, and a server that imports is ended.
    """
    while True:
        is_importing = not START.is_ready and is_server_alive()
        if is_over():
            if is_importing:
                _kill_server()
            return False
        if not is_importing:
            return True
        time.sleep(_READY_SECONDS)


@contextlib.contextmanager
def head_start() -> Iterator[None]:
    """Start the server for the body, which makes a plan, so that it imports torch meanwhile.

    What else to import is told it by the next :func:`context_with`. If the body fails, the server ends.
    """
    if "forkserver" in multiprocessing.get_all_start_methods() and not is_server_alive():
        context_with(("torch",))
        with LOCK, clean_start():
            start_server(awaits_list=True)
    try:
        yield
    except BaseException:
        end_head_start()
        raise


def end_head_start() -> None:
    """End the server of :func:`head_start` if nobody has used it: nothing will run here."""
    if START.awaits_list:
        START.awaits_list = False
        _kill_server()


@contextlib.contextmanager
def clean_start() -> Iterator[None]:
    """Have processes that start in the body take over neither this process's main module nor its working folder."""
    with _nameless_main(), safe_path():
        yield


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
def kept_going() -> Iterator[None]:
    """Let the fork server go on, should somebody stop it, while the body waits for its answer without a limit."""
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(1.0):
            let_go_on(server_pid())

    threading.Thread(target=watch, name="fork server", daemon=True).start()
    try:
        yield
    finally:
        is_over.set()


def let_go_on(server: int | None) -> None:
    """Continue a fork server that a trial has stopped: it would neither start a process nor tell that one has ended."""
    if server is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(server, signal.SIGCONT)


def server_pid() -> int | None:
    """Return the process ID of this process's server; None if it has started none."""
    return getattr(getattr(forkserver, "_forkserver", None), "_forkserver_pid", None)


def is_server_alive() -> bool:
    """Return whether this process has a server that runs."""
    server = server_pid()
    return server is not None and is_alive(server)


def _kill_server() -> None:
    server = server_pid()
    if server is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(server, signal.SIGKILL)


def ending_of(pid: int) -> str:
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


def cause_of_death() -> str:
    """Return why the fork server ended, from a second attempt at what it imports."""
    with safe_path():
        done = subprocess.run(
            [sys.executable, "-c", "import harness.bench.processes.preload"],
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
