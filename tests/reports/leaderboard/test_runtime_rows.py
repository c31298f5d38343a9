"""Runtimes in a table: rows of their own beside their trial's, paired on the same images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.records.keys import measurement_fields, measurement_key
from harness.records.record import Failure, FailureKind, Outcome, Record
from harness.records.store import read_record, write_record
from reports.comparison.explanation import explain
from reports.leaderboard.all_columns import choose_columns
from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.table import Row, row_names
from reports.render.writing import render
from reports.trials.reading import read_trials, with_runtimes

AddRuntime = Callable[..., Path]
ENVIRONMENT = {"device_name": "a CPU", "driver": "", "threads": 2, "torch": "2.11.0"}


@pytest.fixture
def trial(make_trial) -> tuple[Path, Record]:
    """A trial that knows what it was measured under."""
    folder, record = make_trial("net", environment=ENVIRONMENT)
    record = record.model_copy(update={"measurement_key": measurement_key(record.spec, record.environment)})
    write_record(folder, record)
    (folder / "checkpoint.safetensors").write_bytes(bytes(2**20))
    return folder, record


def rows_of(root: Path) -> dict[str, Row]:
    return {row.runtime: row for row in build_leaderboard([root]).rows}


def test_each_runtime_is_a_row_of_its_own(trial, add_runtime: AddRuntime) -> None:
    folder, record = trial
    add_runtime(folder, "onnx")
    add_runtime(folder, "int8", wrong=100, speed=4000.0, file_bytes=2**18)
    rows = rows_of(folder.parent)
    assert set(rows) == {"eager", "onnx", "int8"}
    assert {row.model for row in rows.values()} == {"net"}
    assert rows["eager"].metrics["accuracy"].mean == rows["onnx"].metrics["accuracy"].mean
    assert (
        (rows["eager"].rank_low, rows["eager"].rank_high) == (rows["onnx"].rank_low, rows["onnx"].rank_high) == (1, 2)
    )
    assert (rows["int8"].rank_low, rows["int8"].rank_high) == (3, 3)
    assert [rows[name].file_bytes for name in ("eager", "onnx", "int8")] == [2**20, 2**19, 2**18]
    assert rows["int8"].speed is not None
    assert (rows["int8"].speed.inference, rows["int8"].speed.latency_p95_ms) == (4000, 0.75)
    assert rows["int8"].speed.train is None
    assert (rows["eager"].conversion_seconds, rows["int8"].conversion_seconds) == (None, 2.5)
    assert rows["int8"].trials == (f"{record.trial_id}@int8",)


def test_columns_of_runtimes_are_shown_only_where_there_are_some(trial, add_runtime: AddRuntime) -> None:
    folder, _ = trial
    of_runtimes = {"runtime", "file_mib", "conversion_time", "latency_p50", "latency_p95"}
    before = build_leaderboard([folder.parent])
    assert not of_runtimes & {column.key for column in choose_columns(before)}
    assert before.rows[0].runtime == ""
    add_runtime(folder)
    after = build_leaderboard([folder.parent])
    assert of_runtimes <= {column.key for column in choose_columns(after)}
    text = render(after, "markdown")
    assert "| eager |" in text
    assert "| onnx |" in text
    assert row_names(after.rows) == ["net, eager", "net, onnx"]


def test_a_trials_row_is_what_it_was_without_its_runtimes(trial, add_runtime: AddRuntime) -> None:
    folder, _ = trial
    (before,) = build_leaderboard([folder.parent]).rows
    add_runtime(folder)
    after = rows_of(folder.parent)["eager"]
    assert (after.combination, after.metrics["macro_f1"], after.speed) == (
        before.combination,
        before.metrics["macro_f1"],
        before.speed,
    )
    assert rows_of(folder.parent)["onnx"].combination != after.combination


def test_speeds_under_runtimes_are_compared_where_all_else_is_the_same(trial, add_runtime: AddRuntime) -> None:
    folder, record = trial
    add_runtime(folder, "onnx")
    conditions = {**measurement_fields(record.spec, record.environment), "device": "another CPU"}
    add_runtime(folder, "int8", conditions=conditions)
    leaderboard = build_leaderboard([folder.parent])
    rows = {row.runtime: row.speed for row in leaderboard.rows}
    assert {name: speed.comparable for name, speed in rows.items() if speed} == {
        "eager": True,
        "onnx": True,
        "int8": False,
    }
    notes = " ".join(leaderboard.tables[0].speed_notes)
    assert "most rows: device a CPU" in notes
    assert "† device another CPU: net, int8" in notes


def test_a_runtime_that_failed_is_a_row_without_a_result_and_says_why(trial, add_runtime: AddRuntime) -> None:
    folder, _ = trial
    failure = Failure(kind=FailureKind.ERROR, message="onnx needs onnxruntime")
    add_runtime(folder, outcome=Outcome.FAILED, failure=failure, metrics={}, files={})
    row = rows_of(folder.parent)["onnx"]
    assert (row.seeds, row.rank_low, row.metrics) == ((), None, {})
    assert row.unfinished[0].reason == "error: onnx needs onnxruntime"
    text = render(build_leaderboard([folder.parent]), "markdown")
    assert "1 trial failed: onnx needs onnxruntime (net, onnx, seed 0)" in text


def test_seeds_that_a_runtime_lacks_are_missing(make_trials, add_runtime: AddRuntime) -> None:
    trials = make_trials("net", seeds=3)
    add_runtime(trials[0][0])
    row = rows_of(trials[0][0].parent)["onnx"]
    assert row.seeds == (0,)
    assert [each.outcome for each in row.unfinished] == ["missing", "missing"]


def test_damaged_results_and_those_of_other_trials_are_left_out_and_reported(trial, add_runtime: AddRuntime) -> None:
    folder, _ = trial
    path = add_runtime(folder, "onnx")
    path.write_bytes(path.read_bytes().replace(b"2.5", b"9.5"))
    add_runtime(folder, "int8", result_key="0" * 64)
    found, problems = with_runtimes(read_trials([folder])[0])
    assert len(found) == 1
    assert "its checksum does not match" in problems[0]
    assert "from weights other than those of its trial" in problems[1]
    assert any("left out: " in note for note in build_leaderboard([folder.parent]).notes)


def test_predictions_that_do_not_fit_their_sum_give_no_rank(trial, add_runtime: AddRuntime) -> None:
    folder, _ = trial
    add_runtime(folder, "onnx", files={"predictions-onnx.safetensors": "0" * 64})
    assert rows_of(folder.parent)["onnx"].rank_low is None
    assert rows_of(folder.parent)["eager"].rank_low == 1


def test_pairs_are_explained_by_runtime(trial, add_runtime: AddRuntime) -> None:
    folder, _ = trial
    add_runtime(folder, "int8", wrong=50)
    trials, _ = with_runtimes(read_trials([folder])[0])
    (explanation,) = explain(build_leaderboard(trials), trials)
    assert [row.label for row in explanation.rows] == ["net, eager", "net, int8"]
    assert explanation.pairs[0].difference == pytest.approx(50 / 400)


def test_records_are_read_without_runtime_results(trial, add_runtime: AddRuntime) -> None:
    folder, record = trial
    add_runtime(folder)
    assert read_record(folder / "record.json") == record
    assert [each for _, each in read_trials([folder.parent])[0]] == [record]
