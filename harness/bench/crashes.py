"""Crashes: records of trials whose process wrote none, and the events in a trial's history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.records.keys import measurement_key
from harness.records.record import BY_USER, Failure, FailureKind, Outcome, Record
from harness.system.process_exit import describe_status
from harness.trial.resolved_trial import ResolvedTrial
from zoo.events import EpochEnded, Event, PhaseStarted


def crash_record(
    trial: ResolvedTrial,
    *,
    status: int,
    seconds: float,
    killed_for: Failure | None = None,
    out_of_memory: bool | None = None,
    stopped: bool = False,
) -> Record:
    """Return the record of a trial whose process wrote none.

    Args:
        status: The process's exit status; negative for the signal that ended it.
        seconds: How long it ran.
        killed_for: Why the bench killed it, if it did.
        out_of_memory: Whether the system killed it because memory ran out; None: unknown.
        stopped: Whether the user stopped the bench.
    """
    if stopped:
        return unfinished_record(trial, outcome=Outcome.INTERRUPTED, reason=BY_USER, seconds=seconds)
    ending = f"its process ended with {describe_status(status, out_of_memory=out_of_memory)}"
    if killed_for is not None:
        failure = killed_for
    elif status < 0:
        failure = Failure(kind=FailureKind.OOM if out_of_memory else FailureKind.KILLED, message=ending)
    else:
        failure = Failure(kind=FailureKind.PLUGIN, message=f"{ending} and wrote no record")
    return failed_record(trial, failure, seconds=seconds)


def failed_record(trial: ResolvedTrial, failure: Failure, *, seconds: float) -> Record:
    """Return the record of a failed trial, with what is known from outside its process."""
    return unfinished_record(trial, outcome=Outcome.FAILED, reason=failure.message, seconds=seconds, failure=failure)


def unfinished_record(
    trial: ResolvedTrial, *, outcome: Outcome, reason: str, seconds: float, failure: Failure | None = None
) -> Record:
    """Return a record of what is known about a trial from outside its process."""
    environment = {"device_name": "", "driver": "", "threads": trial.spec.execution.threads, "torch": ""}
    return Record(
        trial_id=trial.trial_id,
        result_key=trial.result_key,
        measurement_key=measurement_key(trial.spec, environment),
        outcome=outcome,
        failure=failure,
        reason=reason,
        spec=trial.spec,
        seconds={"total": seconds},
    )


def without_request(record: Record) -> Record:
    """Return a record with the right reason if its trial took for a request of the user what was none.

    A plugin may send its own process the signal by which a bench asks its trials to stop.
    """
    if record.outcome is not Outcome.INTERRUPTED or not record.reason.startswith(BY_USER):
        return record
    reason = f"stopped by a signal that zoo did not send{record.reason.removeprefix(BY_USER)}"
    return record.model_copy(update={"reason": reason})


def events_of(trial_id: str, row: dict[str, Any]) -> Iterator[Event]:
    """Yield the event for a row of a trial's history, if there is one."""
    fields = dict(row)
    event = fields.pop("event", "")
    if event == "phase":
        yield PhaseStarted(trial_id=trial_id, phase=str(fields["phase"]))
    elif event == "epoch":
        yield EpochEnded(trial_id=trial_id, **fields)
