"""Local jobs: run one at a time in a process of this machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.bench.job_runner import StoppedError
from harness.bench.processes.jobs import RESULT_FILE
from harness.bench.processes.starter import POLL_SECONDS, Starter, visible_devices
from harness.records import store as files
from harness.records.history import HistoryTail
from harness.system.interrupts import Interrupts
from harness.system.process_exit import describe_status, last_line
from zoo.errors import ManyErrors, UsageError, ZooError
from zoo.events import Event, Progress


class LocalJobRunner:
    """Runs jobs on this machine; see :class:`harness.bench.job_runner.JobRunner`.

    Args:
        scratch: Folder for the files of jobs.
        sources: Plugins that the jobs load, as a dictionary of :class:`zoo.loading.Sources`.
    """

    def __init__(
        self,
        starter: Starter,
        scratch: Path,
        emit: Callable[[Event], None],
        interrupts: Interrupts,
        sources: dict[str, Any],
    ) -> None:
        self.starter, self.scratch, self.emit, self.interrupts = starter, scratch, emit, interrupts
        self.sources = sources
        self.count = 0

    def ask(self, kind: str, **values: Any) -> Any:
        """Run one job and return its answer; see :meth:`harness.bench.job_runner.JobRunner.ask`."""
        self.count += 1
        folder = self.scratch / str(self.count)
        folder.mkdir()
        result, history, log = folder / RESULT_FILE, folder / files.HISTORY_FILE, folder / files.LOG_FILE
        paths = {"result": str(result), "history": str(history), "log": str(log)}
        if not self.starter.await_server(lambda: self.interrupts.count > 0):
            raise StoppedError
        job = self.starter.start(
            {"kind": kind, "variables": visible_devices(), "sources": self.sources, **paths, **values}, folder
        )
        tail = HistoryTail(history)
        over = False
        while not over:
            over = job.wait(POLL_SECONDS)
            for row in tail.new_rows():  # also those of a job that has just ended
                self.emit(Progress(message=str(row["message"]), share=row["share"]))
            if self.interrupts.count and not over:
                job.kill()
                raise StoppedError
        if not result.exists():
            raise ZooError(f"the process for {kind} ended with {describe_status(job.status)}: {last_line(log)}")
        answer = json.loads(result.read_bytes())
        if "errors" in answer:
            raise ManyErrors([UsageError(sentence) for sentence in answer["errors"]])
        return answer["value"]
