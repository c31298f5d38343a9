"""A listener that writes runs for MLflow (needs the extra ``zoobench[mlflow]``).

Each trial has one run, with parameters, curves over epochs, results at the last epoch, and tags that identify the
trial. Runs are written to ``MLFLOW_TRACKING_URI``, else to ``mlflow/mlflow.db`` in the folder of records; the
experiment is ``MLFLOW_EXPERIMENT_NAME``, else ``zoo``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.listeners._following import Follower, last_epoch_of, missing, parameters_of, points_of, results_of
from zoo.events import EpochEnded, Event, TrialEnded
from zoo.hookspecs import hookimpl
from zoo.listener import Listener

if TYPE_CHECKING:
    from mlflow import MlflowClient

FOLDER = "mlflow"
_STATUS = {"done": "FINISHED", "failed": "FAILED", "interrupted": "KILLED", "skipped": "KILLED"}
_MAX_PARAMETERS = 100
"""The most parameters that MLflow accepts in one call."""
_MAX_TEXT = 5000
"""The most characters of a tag that every MLflow store accepts."""


@hookimpl
def zoo_listeners() -> Iterator[Listener]:
    yield Listener(
        name="mlflow",
        libraries=("mlflow",),
        open=open_mlflow,
        summary=f"log a run for each trial to $MLFLOW_TRACKING_URI, else to {FOLDER} (extra: zoobench[mlflow])",
    )


def open_mlflow(store: Path) -> Callable[[Event], None]:
    """Return a function that writes the events of a bench to MLflow.

    Raises:
        PluginError: If MLflow is not installed.
        MlflowException: If runs cannot be written.
    """
    try:
        from mlflow import MlflowClient
    except ImportError as error:
        raise missing("mlflow") from error
    root = (store / FOLDER).absolute()
    root.mkdir(parents=True, exist_ok=True)
    given = os.environ.get("MLFLOW_TRACKING_URI")
    client = MlflowClient(given or f"sqlite:///{root / 'mlflow.db'}")
    experiment = _experiment(client, os.environ.get("MLFLOW_EXPERIMENT_NAME") or "zoo", None if given else root)
    return Follower(
        store,
        lock_of=lambda trial: root / "locks" / f"{trial}.lock",
        open_run=lambda trial, title, running: _Run(
            client, experiment, {"zoo.trial_id": trial, "zoo.store": str(store.absolute())}, title, running
        ),
    )


def _experiment(client: MlflowClient, name: str, folder: Path | None) -> str:
    """Return the id of an experiment, which is created if necessary; *folder* is for its artifacts."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client.create_experiment(name, artifact_location=folder and (folder / "artifacts").as_uri())
        except MlflowException:
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
            # Another bench has created it in the meantime.
    return found.experiment_id


class _Run:
    """The run of a trial: the existing run with its tags, or a new one."""

    def __init__(self, client: MlflowClient, experiment: str, tags: dict[str, str], title: str, running: bool) -> None:
        self._client = client
        wanted = " and ".join(f"tags.`{name}` = '{_quoted(value)}'" for name, value in tags.items())
        found = client.search_runs([experiment], wanted, max_results=1)
        run = found[0] if found else client.create_run(experiment, tags=tags, run_name=title)
        self._id, self._status = run.info.run_id, run.info.status
        self._parameters = set(run.data.params)
        self._epochs = {point.step for point in client.get_metric_history(self._id, "val/accuracy")} if found else set()
        if running and self._status != "RUNNING":
            client.update_run(self._id, status="RUNNING")
            self._status = "RUNNING"

    def has_epoch(self, epoch: int) -> bool:
        return epoch in self._epochs

    def add_epoch(self, event: EpochEnded) -> None:
        self._log_metrics(points_of(event), event.epoch)
        self._epochs.add(event.epoch)

    def has_ended(self, outcome: str) -> bool:
        return _STATUS.get(outcome, "FAILED") == self._status

    def end(self, event: TrialEnded) -> None:
        from mlflow.entities import Param, RunTag

        record = event.record
        # MLflow does not allow parameters to change, and those of a trial never do.
        new = [
            Param(name, str(value)[:_MAX_TEXT])
            for name, value in parameters_of(record).items()
            if name not in self._parameters
        ]
        for start in range(0, len(new), _MAX_PARAMETERS):
            self._client.log_batch(self._id, params=new[start : start + _MAX_PARAMETERS])
        tags = {"zoo.outcome": event.outcome, "zoo.reason": event.reason, "zoo.result_key": record.get("result_key")}
        self._client.log_batch(
            self._id, tags=[RunTag(name, str(value)[:_MAX_TEXT]) for name, value in tags.items() if value is not None]
        )
        if event.outcome == "done":
            self._log_metrics(results_of(record), last_epoch_of(record))
        # Last, so that a finished run is complete.
        self._client.set_terminated(self._id, status=_STATUS.get(event.outcome, "FAILED"))

    def close(self) -> None:
        """Do nothing, because each call is a separate transaction."""

    def _log_metrics(self, values: dict[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._client.log_batch(self._id, metrics=[Metric(name, value, now, step) for name, value in values.items()])


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")
