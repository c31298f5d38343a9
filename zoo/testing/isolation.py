"""Isolation: each check in a separate process with a time limit, so that a plugin cannot affect other checks."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.bench.processes.jobs import RESULT_FILE
from harness.bench.processes.starter import Starter
from harness.system.process_exit import describe_status, last_line
from zoo.errors import ManyErrors, UsageError
from zoo.loading import Sources
from zoo.testing.parametrize import expectation
from zoo.testing.verdicts import State, Verdict, with_expectation

_POLL_SECONDS = 0.05
_MAX_LOG_BYTES = 16 * 2**20
"""Maximum output of a check, which would otherwise fill the disk."""
_WORKER = "zoo.testing.worker"
_LIST_SECONDS = 300.0
"""Time limit for finding records, which imports plugins."""
LOADS = "loads_as_plugin"
"""Name of the check that a plugin loads."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """A record to check."""

    kind: str
    full_name: str
    name: str
    argument: str
    checks: tuple[str, ...]


class _DiedError(Exception):
    """A process ended without an answer; the message says why."""


class _PlainStarter(Starter):
    """Starts jobs without a fork server: finding records needs no torch, and a mistyped name is reported at once."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")


class IsolatedChecks:
    """Finds and checks records. It is a context manager; no process is left on exit.

    Args:
        sources: Where to look for plugins.
        data_root: Folder of the datasets.
        modules: Libraries that are preloaded, of those that :mod:`harness.bench.processes.preload` allows.
        timeout: Time limit of a check in seconds.
    """

    def __init__(self, sources: Sources, *, data_root: Path, modules: Collection[str], timeout: float) -> None:
        self._sources = dataclasses.asdict(sources)
        self._data_root, self._timeout = data_root, timeout
        self._starter, self._finder = Starter(modules), _PlainStarter()
        self._scratch = tempfile.TemporaryDirectory(prefix="zoo-kit-", ignore_cleanup_errors=True)
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scratch.cleanup()

    def find(
        self, targets: Collection[str], *, only: Collection[str], slow: bool
    ) -> tuple[list[Verdict], list[Planned]]:
        """Return the verdicts on plugins that are targets, and the records to check.

        Raises:
            ZooError: For unknown targets.
        """
        arguments = {"targets": list(targets), "only": list(only), "slow": slow}
        try:
            found, _ = self._ask("find_subjects", arguments, max(self._timeout, _LIST_SECONDS), self._finder)
        except _DiedError as death:
            # Their code runs in one process, so which of them ended it is unknown.
            names = ", ".join(targets)
            return [Verdict(kind="plugins", name=names, check=LOADS, state=State.FAILED, reason=str(death))], []
        plugins = [
            Verdict(
                kind="plugins",
                name=each["name"],
                check=LOADS,
                state=State.FAILED if each["problem"] else State.PASSED,
                reason=each["problem"],
                traceback=each["traceback"],
            )
            for each in found["plugins"]
        ]
        return plugins, [Planned(**{**each, "checks": tuple(each["checks"])}) for each in found["records"]]

    def run(self, planned: Planned, expected: Mapping[str, str]) -> Iterator[Verdict]:
        """Run the checks of a record, and yield each verdict when it is known."""
        name = planned.full_name.rpartition("/")[2]
        for check in planned.checks:
            arguments = {
                "kind": planned.kind,
                "full_name": planned.full_name,
                "argument": planned.argument,
                "data_root": str(self._data_root),
                "check": check,
            }
            reason, trace, state = "", "", State.FAILED
            try:
                answer, seconds = self._ask("run_check", arguments, self._timeout, self._starter)
            except _DiedError as death:
                reason, seconds = str(death), self._seconds
            except ManyErrors as error:  # the record was there when it was found, and no longer is
                reason, seconds = str(error), self._seconds
            else:
                reason, trace, state = answer["reason"], answer["traceback"], State(answer["state"])
                seconds = answer["seconds"]
            verdict = Verdict(
                kind=planned.kind, name=planned.name, check=check, state=state, reason=reason, traceback=trace
            )
            yield with_expectation(verdict, expectation(expected, name, check), seconds=seconds)

    def _ask(self, function: str, arguments: Mapping[str, Any], timeout: float, starter: Starter) -> tuple[Any, float]:
        """Call a function of the worker in a separate process; return its answer and its run time.

        Raises:
            ZooError: With the errors that it returned.
            _DiedError: If it ended without an answer, or was killed.
        """
        self._count += 1
        folder = Path(self._scratch.name) / str(self._count)
        folder.mkdir()
        log, result = folder / "log.txt", folder / RESULT_FILE
        job = starter.start(
            {
                "kind": "call",
                "function": f"{_WORKER}:{function}",
                "arguments": {"sources": self._sources, **arguments},
                "log": str(log),
                "result": str(result),
            },
            folder,
        )
        killed_for = ""
        try:
            while not job.wait(_POLL_SECONDS):
                if job.seconds > timeout:
                    killed_for = f"it took longer than {timeout:g} s"
                elif log.exists() and log.stat().st_size > _MAX_LOG_BYTES:
                    killed_for = f"it printed more than {_MAX_LOG_BYTES // 2**20} MiB"
                if killed_for:
                    job.kill()
        except BaseException:
            job.kill()
            raise
        self._seconds = job.seconds
        if killed_for:
            raise _DiedError(killed_for)
        if not result.exists():
            printed = last_line(log)
            raise _DiedError(f"its process ended with {describe_status(job.status)}: {printed}")
        answer = json.loads(result.read_bytes())
        if "errors" in answer:
            raise ManyErrors([UsageError(sentence) for sentence in answer["errors"]])
        return answer["value"], job.seconds
