"""Record checks: which numbers a record may hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.records import record_checks
from harness.records.record import MetricValue, Record
from harness.records.record_checks import MAX_MAGNITUDE, RANGES, metric_problem, number_problem
from harness.records.spec import stable_hash
from harness.records.store import RECORD_FILE, DamagedRecordError, read_record, write_record
from zoo import Catalog


def test_the_ranges_are_those_that_the_built_in_metrics_declare(catalog: Catalog) -> None:
    declared = {entry.display_name: entry.record for entry in catalog.metrics if entry.provider.origin == "built-in"}
    assert set(declared) == set(RANGES)
    for name, metric in declared.items():
        low, high = (max(-MAX_MAGNITUDE, min(MAX_MAGNITUDE, bound)) for bound in metric.bounds)
        assert RANGES[name] == (metric.kind, low, high), name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accuracy", 0),
        ("accuracy", 1.0),
        ("accuracy", None),
        ("nll", 17.5),
        ("brier", 1.5),
        ("matthews_corrcoef", -1),
        ("per_class_f1", [0.0, None, 1]),
        ("per_class_f1", []),
        ("confusion", [[3, 0.5], [0, 10_000]]),
        ("mine/loss", -1e29),
        ("mine/list", [1e9]),
        ("mine/matrix", [[-1.0], [None]]),
    ],
)
def test_values_that_a_metric_can_have(name: str, value: Any) -> None:
    assert metric_problem(name, value) == ""


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("accuracy", 1e308, "accuracy is 1e+308, outside [0, 1]"),
        ("accuracy", 10**400, "accuracy is a number of more than 20 digits, outside [0, 1]"),
        ("accuracy", -0.01, "accuracy is -0.01, outside [0, 1]"),
        ("accuracy", 1.01, "accuracy is 1.01, outside [0, 1]"),
        ("accuracy", float("nan"), "accuracy is nan, outside [0, 1]"),
        ("accuracy", float("inf"), "accuracy is inf, outside [0, 1]"),
        ("accuracy", "0.9", "accuracy is '0.9', not a number"),
        ("accuracy", True, "accuracy is True, not a number"),
        ("accuracy", [0.9], "accuracy is [0.9], not a number"),
        ("accuracy", {"a": 1}, "accuracy is {'a': 1}, not a number"),
        ("nll", -1, "nll is -1, outside [0, 1e+30]"),
        ("nll", 1e31, "nll is 1e+31, outside [0, 1e+30]"),
        ("per_class_f1", 0.5, "per_class_f1 is 0.5, not a number per class"),
        ("per_class_f1", [0.5, "x"], "per_class_f1 is [0.5, 'x'], not a number per class"),
        ("per_class_f1", [0.5, float("nan"), 0.9], "per_class_f1 is nan, outside [0, 1]"),
        ("confusion", [[1, 2], [3, float("nan")]], "confusion is nan, outside [0, 1e+30]"),
        ("per_class_f1", [0.5, 2], "per_class_f1 is 2, outside [0, 1]"),
        ("confusion", [[1], 2], "confusion is [[1], 2], not a matrix"),
        ("confusion", [[1, -1]], "confusion is -1, outside [0, 1e+30]"),
        ("mine/x", "text", "mine/x is 'text', not a number"),
        ("mine/x", 1e308, "mine/x is 1e+308, outside [-1e+30, 1e+30]"),
        ("mine/x", [[["deep"]]], "mine/x is [[['deep']]], not a number"),
    ],
)
def test_values_that_it_cannot_have(name: str, value: Any, problem: str) -> None:
    assert metric_problem(name, value) == problem


@pytest.mark.parametrize("bad", [float("nan"), -0.5, 1.5, "x", True, [0.5]])
@pytest.mark.parametrize("name", ["per_class_f1", "mine/list"])
def test_the_quick_look_at_a_record_finds_what_the_closer_one_does(small_record: Record, name: str, bad: Any) -> None:
    for value in ([0.1, bad, 0.9], [[0.1, 0.2], [bad, 0.9]]):
        record = small_record.model_copy(update={"metrics": {name: MetricValue(value=value)}})
        assert number_problem(record) == metric_problem(name, value)


def test_other_numbers_are_finite_and_most_are_not_negative(small_record: Record) -> None:
    assert number_problem(small_record) == ""
    assert number_problem(small_record.model_copy(update={"seconds": {"total": -1.0}})) == (
        "seconds.total is -1.0, outside [0, 1e+30]"
    )
    assert "seconds.total is nan" in number_problem(
        small_record.model_copy(update={"seconds": {"total": float("nan")}})
    )
    assert number_problem(small_record.model_copy(update={"environment": {"load": -3.0}})) == ""


@pytest.mark.parametrize("number", ["1e308", "1" + "0" * 400, '"0.9"', "[0.9]", "-0.5", "true"])
def test_a_record_with_such_a_number_is_not_read(small_record: Record, tmp_path: Path, number: str) -> None:
    record = small_record.model_copy(update={"metrics": {"accuracy": MetricValue(value=0.5)}})
    write_record(tmp_path, record)
    path = tmp_path / RECORD_FILE
    assert read_record(path) == record
    content = json.loads(path.read_bytes())
    del content["sha256"], content["text_sha256"]
    content["metrics"]["accuracy"]["value"] = json.loads(number)
    path.write_text(json.dumps({**content, "sha256": stable_hash(content)}))
    with pytest.raises(DamagedRecordError):
        read_record(path)


def _replaced(value: Any, new: Any) -> list[Any]:
    """Return a copy of JSON for each of its numbers, in which that number is *new*."""
    if isinstance(value, dict):
        return [{**value, key: copy} for key, each in value.items() for copy in _replaced(each, new)]
    if isinstance(value, list):
        copies = [(place, copy) for place, each in enumerate(value) for copy in _replaced(each, new)]
        return [[*value[:place], copy, *value[place + 1 :]] for place, copy in copies]
    return [new] if type(value) in (int, float) else []


@pytest.mark.parametrize("bad", [-1, 1e31, 10**31])
def test_the_quick_look_finds_a_bad_number_wherever_it_is(bad: float) -> None:
    (path, *_) = sorted((Path(__file__).parents[2] / "fixtures" / "store-v1").glob(f"*/{RECORD_FILE}"))
    content = read_record(path).model_dump(mode="json")
    found = 0
    for copy in _replaced(content, bad):
        try:
            record = Record.model_validate_json(json.dumps(copy))
        except ValueError:  # a whole number is expected, or one of a few
            continue
        closer = record_checks._problem_in(record, "")
        assert number_problem(record) == closer
        found += bool(closer)
    assert found > 20
