"""Remote jobs: run on a node, before the trials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.bench.job_runner import StoppedError
from harness.bench.processes.starter import POLL_SECONDS
from harness.bench.remote.cluster import Cluster
from harness.system.interrupts import Interrupts
from zoo.errors import ManyErrors, UsageError, ZooError
from zoo.events import Event, Progress
from zoo.executor import TaskEnded, TaskMessage


class RemoteJobRunner:
    """Runs jobs on nodes of a cluster; see :class:`harness.bench.job_runner.JobRunner`."""

    def __init__(self, cluster: Cluster, emit: Callable[[Event], None], interrupts: Interrupts) -> None:
        self._cluster, self._interrupts = cluster, interrupts
        self.emit = emit
        self._count = 0

    def ask(self, kind: str, **values: Any) -> Any:
        """Run one job on a node and return its answer; see :meth:`harness.bench.job_runner.JobRunner.ask`."""
        self._count += 1
        task_id = f"{kind}-{self._count}"
        has_gpus = any(node.gpus >= 1 for node in self._cluster.workers.nodes())
        fields = (
            {"dataset": values["dataset"], "wanted": values.get("wanted")} if kind == "prepare" else {"values": values}
        )
        wants_gpu = has_gpus and kind == "probe" and str(values["device"]).startswith(("auto", "cuda"))
        self._cluster.workers.submit(
            self._cluster.task(task_id, cpus=1, gpus=1 if wants_gpu else 0, kind=kind, **fields)
        )
        while True:
            if self._interrupts.count:
                self._cluster.workers.kill(task_id)
                raise StoppedError
            for event in self._cluster.workers.poll(POLL_SECONDS):
                if event.task_id != task_id:
                    continue
                if isinstance(event, TaskEnded):
                    raise ZooError(f"the task for {kind} ended without an answer: {event.problem}")
                if isinstance(event, TaskMessage):
                    message = event.message
                    if message["kind"] == "answer":
                        return message["value"]
                    if message["kind"] == "errors":
                        raise ManyErrors([UsageError(str(sentence)) for sentence in message["sentences"]])
                    if message["kind"] == "progress":
                        self.emit(Progress(message=str(message["message"]), share=message["share"]))
