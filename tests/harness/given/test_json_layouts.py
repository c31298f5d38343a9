"""JSON layouts: each gives the same columns, and anything else is one sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.given.json_layouts import from_json, from_json_lines


def columns(value: Any) -> dict[str, list[Any]]:
    return {name: array.tolist() for name, array in from_json(json.dumps(value).encode()).items()}


ROWS = [{"id": "b", "prediction": "dog"}, {"id": "a", "prediction": "cat"}]


@pytest.mark.parametrize("name", ["predictions", "results", "data"])
def test_a_table_may_be_within_an_object_of_facts(name: str) -> None:
    assert columns({"model": "net", "accuracy": 0.5, name: ROWS}) == {"id": ["b", "a"], "prediction": ["dog", "cat"]}
    assert columns({name: {"b": "dog", "a": "cat"}}) == {"id": ["b", "a"], "class": ["dog", "cat"]}
    found = columns({name: {"b": [0.5, 0.5], "a": [1, 0]}, "classes": ["cat", "dog"]})
    assert found == {"id": ["b", "a"], "scores": [[0.5, 0.5], [1.0, 0.0]], "classes": ["cat", "dog"]}


def test_an_image_that_is_called_data_is_an_image() -> None:
    assert columns({"data": {"cat": 1}, "b": {"cat": 0}}) == {"id": ["data", "b"], "cat": [1, 0]}


def test_scores_by_class_are_a_column_for_each_class() -> None:
    expected = {"id": ["b", "a"], "cat": [0.25, 0.5], "dog": [0.75, 0.5]}
    assert (
        columns([{"id": "b", "scores": {"cat": 0.25, "dog": 0.75}}, {"id": "a", "scores": {"dog": 0.5, "cat": 0.5}}])
        == expected
    )
    pairs = {
        "b": [{"label": "dog", "score": 0.75}, {"label": "cat", "score": 0.25}],
        "a": [{"label": "cat", "score": 0.5}, {"label": "dog", "score": 0.5}],
    }
    assert columns([{"id": name, "top": each} for name, each in pairs.items()])["cat"] == [0.25, 0.5]
    assert columns(pairs) == expected | {"dog": [0.75, 0.5]}


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([], "expected a list of objects"),
        ([1, 2], "expected a list of objects"),
        ({"predictions": []}, "expected a list of objects"),
        ([{"id": "a", "x": {"cat": 1}}, {"id": "b", "x": {"dog": 1}}], "row 2 has scores of other classes"),
        ([{"id": "a", "x": {"id": 1}}], "two columns are called 'id'"),
        ([{"id": "a"}, {"id": "b", "x": 1}], "object 2 has other keys"),
        ([{"id": "a", "x": None}], "a column holds nothing"),
        ([{"id": "a", "x": [1, 2]}, {"id": "b", "x": [1]}], "row 2 has another number of scores"),
    ],
)
def test_anything_else_is_one_sentence(value: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        columns(value)


def test_lines_are_objects() -> None:
    content = "".join(f"{json.dumps(row)}\r\n" for row in ROWS).encode()
    assert from_json_lines(content)["prediction"].tolist() == ["dog", "cat"]
    with pytest.raises(ValueError, match="expected a list of objects"):
        from_json_lines(b"\n")


def test_an_image_that_is_predicted_twice_is_not_decided_by_the_last_line() -> None:
    with pytest.raises(ValueError, match="the key 'a' twice"):
        from_json(b'{"a": "cat", "b": "dog", "a": "dog"}')
