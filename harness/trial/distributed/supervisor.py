"""The supervisor: a process that starts the ranks of a trial and makes sure that they end together.

When a rank dies, the others keep waiting for it in the communication library, where nothing in their own process can
interrupt them. They are therefore watched by another process. It is forked from the trial's process before that has
used a device, and in turn forks the ranks, so that they start with all libraries in memory, also when they are started
again after memory ran out. All of these processes are in the trial's process group, and the kernel ends each of them
when its parent ends.

Messages between trial and supervisor are JSON.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import multiprocessing.connection
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, NoReturn

GRACE_SECONDS = 5.0
_KILL_SECONDS = 10.0
_POLL_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class RankExit:
    """The end of a rank's process."""

    status: int
    """Exit status; negative for a signal."""
    was_killed: bool
    """Whether the supervisor killed it because another rank had failed."""


class SupervisorLostError(Exception):
    """The supervisor's process has ended, along with the ranks."""


class RankSupervisor:
    """Runs jobs in separate processes, all of which must succeed.

    Args:
        run: Runs a job, given its JSON file, and writes the answer; see :func:`answer_file`.
        context: Multiprocessing context for starting the supervisor; None: fork this process.
        grace_seconds: Time that the others have to end by themselves and write their answers after one has failed.
    """

    def __init__(
        self,
        run: Callable[[str], None],
        *,
        context: BaseContext | None = None,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        context = context or multiprocessing.get_context("fork")
        self._connection, theirs = context.Pipe()
        self._process: Any = context.Process(  # type: ignore[attr-defined]
            target=_serve, args=(theirs, self._connection, run, grace_seconds), daemon=False
        )
        self._process.start()
        theirs.close()

    def run(self, jobs: Sequence[Path]) -> list[RankExit]:
        """Run *jobs* at the same time until all have ended; if one fails, the others are ended soon after.

        Raises:
            SupervisorLostError: If the supervisor itself was killed.
        """
        try:
            self._connection.send_bytes(json.dumps([str(job) for job in jobs]).encode())
            while not self._connection.poll(_POLL_SECONDS):
                pass
            return [RankExit(**each) for each in json.loads(self._connection.recv_bytes())]
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            raise SupervisorLostError from error
        except BaseException:
            self._stop()
            raise

    def close(self) -> None:
        """End the idle supervisor."""
        self._connection.close()
        self._process.join(_KILL_SECONDS)
        self._kill()

    def _stop(self) -> None:
        """End all jobs immediately, and wait until they are gone."""
        with contextlib.suppress(OSError, EOFError):
            self._connection.send_bytes(b"stop")
            if self._connection.poll(_KILL_SECONDS):
                self._connection.recv_bytes()
                return
        self._kill()

    def _kill(self) -> None:
        if self._process.exitcode is None:
            self._process.kill()  # the kernel ends the ranks as well
            self._process.join()


def answer_file(job: Path) -> Path:
    """Return the path of a job's answer."""
    return job.with_suffix(".answer.json")


def _serve(connection: Connection, theirs: Connection, run: Callable[[str], None], grace_seconds: float) -> NoReturn:
    _become_servant()
    theirs.close()  # otherwise the end of the other process would go unnoticed
    while True:
        try:
            request = connection.recv_bytes()
        except (EOFError, OSError):
            os._exit(0)
        if request != b"stop":  # a stop may arrive too late
            endings = _run_together([Path(job) for job in json.loads(request)], connection, run, grace_seconds)
            connection.send_bytes(json.dumps([asdict(each) for each in endings]).encode())


def _run_together(
    jobs: Sequence[Path], connection: Connection, run: Callable[[str], None], grace_seconds: float
) -> list[RankExit]:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_run_one, args=(run, str(job)), daemon=False) for job in jobs]
    for process in processes:
        process.start()
    killed: set[int] = set()
    deadline: float | None = None
    while alive := [process for process in processes if process.exitcode is None]:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready = multiprocessing.connection.wait([*(each.sentinel for each in alive), connection], timeout=left)
        for process in alive:
            if process.sentinel in ready:
                process.join()
        failed = any(each.exitcode is not None and not answer_file(job).exists() for each, job in zip(processes, jobs))
        failed = failed or any(each.exitcode for each in processes)
        if failed and deadline is None:
            deadline = time.monotonic() + grace_seconds
        if connection in ready or (deadline is not None and time.monotonic() >= deadline):
            for index, process in enumerate(processes):
                if process.exitcode is None:
                    killed.add(index)
                    process.kill()
                    process.join()
    return [
        RankExit(status=int(process.exitcode or 0), was_killed=index in killed)
        for index, process in enumerate(processes)
    ]


def _run_one(run: Callable[[str], None], job: str) -> NoReturn:
    _become_servant()
    try:
        run(job)
        os._exit(0)
    finally:
        os._exit(1)  # for any error, which the answer describes


def _become_servant() -> None:
    """End with the parent, and leave signals that stop the trial to the trial."""
    from harness.system.process_exit import die_with_parent

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
