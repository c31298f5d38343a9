"""Results of runtimes: read as they were written, or not at all, and shown like a trial's record."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.records.record import Outcome, Record
from harness.records.runtime_result import (
    RuntimeResult,
    as_record,
    read_result,
    result_name,
    results_in,
    runtime_name,
    write_result,
)
from zoo.errors import StoreError

RESULT = RuntimeResult(
    runtime="onnx",
    trial_id="t",
    result_key="k",
    weights_sha256="1" * 64,
    runtime_key="2" * 64,
    tools={"onnxruntime": "1.2"},
    outcome=Outcome.DONE,
    conditions={"device": "a cpu"},
    max_difference=2.5,
)


def test_a_result_reads_as_it_was_written_or_not_at_all(tmp_path: Path) -> None:
    path = write_result(tmp_path, RESULT)
    assert path.name == result_name("onnx")
    assert read_result(path) == RESULT
    path.write_bytes(path.read_bytes().replace(b"2.5", b"3.5"))
    with pytest.raises(StoreError, match="its checksum does not match"):
        read_result(path)


def test_other_tools_are_another_measurement_under_the_same_conditions() -> None:
    newer = RESULT.model_copy(update={"tools": {"onnxruntime": "1.3"}})
    assert newer.conditions_key == RESULT.conditions_key
    assert newer.measurement_key != RESULT.measurement_key


def test_a_record_of_a_runtime_is_named_after_it_and_a_trials_own_is_not(small_record: Record) -> None:
    assert runtime_name(small_record) == ""
    assert runtime_name(as_record(small_record, RESULT)) == "onnx"


def test_known_runtimes_come_first_and_those_of_plugins_by_name(tmp_path: Path, small_record: Record) -> None:
    record = small_record.model_copy(update={"files": {"checkpoint.safetensors": RESULT.weights_sha256}})
    fields = {"trial_id": record.trial_id, "result_key": record.result_key}
    for runtime in ("b", "own/a", "int8", "onnx", "eager"):
        write_result(tmp_path, RESULT.model_copy(update={"runtime": runtime, **fields}))
    found = [each.runtime for each in results_in(tmp_path, record) if isinstance(each, RuntimeResult)]
    assert found == ["eager", "onnx", "int8", "b", "own/a"]
    assert result_name("own/a") == "runtime-own--a.json"
