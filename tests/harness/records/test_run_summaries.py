"""Run summaries: what of a record tells how long a trial takes, and which records are left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.records.record import DataInfo, Failure, FailureKind, ModelInfo, Outcome, Record, SpeedInfo, TrainingInfo
from harness.records.run_summaries import RunSummary, read_run_summaries, summarize_runs
from harness.records.spec import ClassifierSpec
from harness.records.store import RECORD_FILE, write_record

SECONDS = {"build": 0.5, "train": 20.0, "test": 0.5, "measure": 0.9, "total": 21.9}


@pytest.fixture
def make_record(small_record: Record) -> Callable[..., Record]:
    """Make the record of a trial that ran to its end, with changes."""

    def make(**changes: Any) -> Record:
        fields = {
            "spec": small_record.spec.model_copy(
                update={"dataset": small_record.spec.dataset.model_copy(update={"display_name": "dots"})}
            ),
            "model": ModelInfo(params=10, trainable_params=10, macs=10**6, mean=(0.5,), std=(0.5,)),
            "data": DataInfo(
                fingerprint="f", classes=("a", "b"), image_size=8, channels=1, num_train=900, num_val=90, num_test=70
            ),
            "training": TrainingInfo(
                epochs_run=7, tested_epoch=5, best_val_accuracy=1.0, final_train_loss=0.1, seconds=20.0
            ),
            "speed": SpeedInfo(peak_memory_mib=100.0),
            "seconds": SECONDS,
            "environment": {"device_name": "a cpu", "threads": 2, "trials_on_device": 3},
        }
        return small_record.model_copy(update={**fields, **changes})

    return make


def summary_of(record: Record) -> RunSummary:
    (summary,) = summarize_runs([record])
    return summary


def write(store: Path, name: str, content: str) -> None:
    (store / name).mkdir()
    (store / name / RECORD_FILE).write_text(content)


def test_a_summary_holds_what_the_record_says(make_record: Callable[..., Record]) -> None:
    record = make_record()
    assert summary_of(record) == RunSummary(
        spec=record.spec,
        outcome="done",
        failure="",
        result_key="k",
        fingerprint="f",
        image_size=8,
        num_learnt=990,
        num_test=70,
        epochs_run=7,
        seconds=SECONDS,
        peak_memory_mib=100.0,
        macs=10**6,
        device_name="a cpu",
        threads=2,
        own_threads=2,
        sharing=3,
    )


def test_threads_that_a_network_did_not_need_count_as_its_conditions(make_record: Callable[..., Record]) -> None:
    environment = {"device_name": "a cpu", "threads": 1, "available_threads": 8}
    summary = summary_of(make_record(environment=environment))
    assert (summary.threads, summary.own_threads) == (8, 1)


def test_unmeasured_values_are_none_and_trials_do_not_share_a_device_by_default(
    make_record: Callable[..., Record],
) -> None:
    summary = summary_of(make_record(model=None, speed=None, environment={"device_name": "a cpu", "threads": None}))
    assert (summary.macs, summary.peak_memory_mib, summary.threads, summary.sharing) == (None, None, None, 1)


def test_a_failure_is_summed_up_by_its_kind(make_record: Callable[..., Record]) -> None:
    failure = Failure(kind=FailureKind.OOM, message="no memory")
    summary = summary_of(make_record(outcome=Outcome.FAILED, failure=failure, training=None))
    assert (summary.outcome, summary.failure, summary.epochs_run) == ("failed", "oom", 0)


def test_a_trial_that_ended_before_it_had_its_images_has_no_summary(make_record: Callable[..., Record]) -> None:
    whole = make_record()
    assert list(summarize_runs([make_record(data=None), whole, make_record(environment={})])) == [summary_of(whole)]


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": Outcome.INTERRUPTED},
        {"training": None},
        *({"seconds": {name: SECONDS[name] for name in SECONDS if name != phase}} for phase in ("train", "total")),
    ],
)
def test_only_a_trial_that_ran_to_its_end_with_all_times_is_whole(
    make_record: Callable[..., Record], changes: dict[str, Any]
) -> None:
    assert summary_of(make_record()).is_whole
    assert not summary_of(make_record(**changes)).is_whole


def test_a_network_that_is_tested_as_it_is_has_no_training_to_end(make_record: Callable[..., Record]) -> None:
    spec = make_record().spec.model_copy(
        update={"classifier": ClassifierSpec(kind="file", source="file:net.safetensors", num_classes=2)}
    )
    seconds = {name: SECONDS[name] for name in SECONDS if name != "train"}
    assert summary_of(make_record(spec=spec, seconds=seconds, training=None)).is_whole
    untested = {name: seconds[name] for name in seconds if name != "test"}
    assert not summary_of(make_record(spec=spec, seconds=untested, training=None)).is_whole


@pytest.mark.parametrize(("fold", "is_whole"), [(2, True), (None, False)])
def test_a_fold_is_a_run_and_pooled_folds_are_not(
    make_record: Callable[..., Record], fold: int | None, is_whole: bool
) -> None:
    spec = make_record().spec
    spec = spec.model_copy(update={"dataset": spec.dataset.model_copy(update={"folds": 5, "fold": fold})})
    assert summary_of(make_record(spec=spec)).is_whole is is_whole


def test_summaries_read_from_a_folder_are_those_of_its_records(
    make_record: Callable[..., Record], tmp_path: Path
) -> None:
    records = [make_record(trial_id=name, seconds={"total": total}) for name, total in (("a", 1.0), ("b", 2.0))]
    for record in reversed(records):
        (tmp_path / record.trial_id).mkdir()
        write_record(tmp_path / record.trial_id, record)
    assert list(read_run_summaries(tmp_path)) == list(summarize_runs(records))


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"spec": {}}', "null", '{"data": null, "environment": {}}', "[" * 100_000]
)
def test_an_incomplete_record_is_left_out_and_the_others_are_read(
    make_record: Callable[..., Record], tmp_path: Path, content: str
) -> None:
    write(tmp_path, "a", content)
    write(tmp_path, "b", json.dumps(make_record().model_dump(mode="json")))
    assert list(read_run_summaries(tmp_path)) == [summary_of(make_record())]


def test_there_is_nothing_in_a_store_that_does_not_exist(tmp_path: Path) -> None:
    assert list(read_run_summaries(tmp_path / "absent")) == []
