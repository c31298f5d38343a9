"""Records of trials whose process wrote none, and the events in a history."""

from __future__ import annotations

import signal
from dataclasses import asdict
from typing import Any

import pytest

from harness.bench.crashes import crash_record, events_of
from harness.data.images import PreparedData
from harness.records.record import Failure, FailureKind, Outcome
from harness.records.spec import ArchitectureSpec, DatasetSpec, ExecutionSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.trial.resolved_trial import ResolvedTrial
from zoo.events import EpochEnded, PhaseStarted

PROVIDER = ProviderSpec(plugin="toys")
TRIAL = ResolvedTrial(
    spec=TrialSpec(
        architecture=ArchitectureSpec(full_name="toys/net", display_name="net", provider=PROVIDER),
        dataset=DatasetSpec(full_name="toys/shades", display_name="shades", provider=PROVIDER),
        recipe=RecipeSpec(
            full_name="toys/quick", display_name="quick", provider=PROVIDER, hyperparameters={"batch_size": 8}
        ),
        seed=0,
        execution=ExecutionSpec(device="cpu", precision="fp32", small_images="off", threads=1),
    ),
    result_key="key",
    prepared=PreparedData(
        folder="/data",
        fingerprint="f" * 64,
        classes=("a", "b"),
        image_size=8,
        channels=1,
        mean=(0.5,),
        std=(0.5,),
        mirror_symmetric=True,
        num_train=8,
        num_val=2,
        num_test=4,
    ),
)
TIMEOUT = Failure(kind=FailureKind.TIMEOUT, message="it took longer than 1 s")


@pytest.mark.parametrize(
    ("status", "known", "kind"),
    [
        (-signal.SIGKILL, {"out_of_memory": True}, FailureKind.OOM),
        (-signal.SIGKILL, {"out_of_memory": False}, FailureKind.KILLED),
        (-signal.SIGSEGV, {}, FailureKind.KILLED),
        (3, {}, FailureKind.PLUGIN),
        (-signal.SIGKILL, {"killed_for": TIMEOUT}, FailureKind.TIMEOUT),
    ],
)
def test_a_crash_fails_by_its_cause(status: int, known: dict[str, Any], kind: FailureKind) -> None:
    record = crash_record(TRIAL, status=status, seconds=2.0, **known)
    assert record.failure is not None
    assert (record.outcome, record.failure.kind) == (Outcome.FAILED, kind)
    assert record.reason == record.failure.message
    assert (record.trial_id, record.result_key, record.seconds) == (TRIAL.trial_id, "key", {"total": 2.0})


def test_a_trial_that_the_user_stopped_is_interrupted_however_it_ended() -> None:
    record = crash_record(TRIAL, status=-signal.SIGKILL, seconds=2.0, stopped=True)
    assert (record.outcome, record.failure) == (Outcome.INTERRUPTED, None)


def test_phases_and_epochs_of_a_history_are_events_and_other_rows_are_not() -> None:
    epoch = EpochEnded(
        trial_id="t",
        epoch=1,
        epochs=2,
        train_loss=0.5,
        train_accuracy=None,
        val_loss=0.4,
        val_accuracy=0.9,
        lr=0.1,
        images_per_second=100.0,
        seconds=1.0,
    )
    row = {name: value for name, value in asdict(epoch).items() if name != "trial_id"}
    assert list(events_of("t", {"event": "epoch", **row})) == [epoch]
    assert list(events_of("t", {"event": "phase", "phase": "train"})) == [PhaseStarted(trial_id="t", phase="train")]
    assert list(events_of("t", {"event": "waits"})) == []
