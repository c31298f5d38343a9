"""JSON layouts: the tables in JSON files of predictions.

Shape suffixes: N images, K classes.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.given.column_names import CLASSES_COLUMNS, TEXT_COLUMNS
from zoo.files.foreign_json import parse_json
from zoo.text import one_line

_WRAPPERS = ("predictions", "results", "outputs", "data", "rows")
"""Keys under which an object holds the table, beside facts about it."""


def from_json(content: bytes) -> dict[str, NDArray[Any]]:
    """Return the columns of a JSON file.

    Raises:
        ValueError: If it is not JSON, or none of the layouts.
    """
    value = parse_json(content.removeprefix(codecs.BOM_UTF8))
    if not isinstance(value, dict):
        return _table(value)
    name = next((name for name in _WRAPPERS if _is_table(value.get(name))), None)
    others = {each: values for each, values in value.items() if each != name}
    if name is None or any(isinstance(values, dict | list) for each, values in others.items() if not _is_classes(each)):
        return _table(value)
    stated = {each: _values(values) for each, values in others.items() if _is_classes(each)}
    return {**_table(value[name]), **stated}


def from_json_lines(content: bytes) -> dict[str, NDArray[Any]]:
    """Return the columns of a file with a JSON object in each line; errors as above."""
    lines = content.removeprefix(codecs.BOM_UTF8).splitlines()
    return _table([parse_json(line) for line in lines if line.strip()])


def _is_table(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and all(isinstance(each, dict) for each in value))


def _is_classes(name: str) -> bool:
    return name.lower() in CLASSES_COLUMNS


def _table(value: Any) -> dict[str, NDArray[Any]]:
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        return _of_objects(value)
    if isinstance(value, dict) and value:
        lists = {name: each for name, each in value.items() if isinstance(each, list)}
        has_facts_beside = not any(isinstance(each, dict) for each in value.values())
        if has_facts_beside and any(name.lower() in TEXT_COLUMNS for name in lists):
            return {name: _values(each) for name, each in lists.items()}
        if all(isinstance(each, dict) for each in value.values()):
            return _of_objects([{"id": name, **each} for name, each in value.items()])
        ids = np.array(list(value), dtype=np.str_)
        if all(isinstance(each, list) for each in value.values()):
            return {"id": ids, **_columns("scores", list(value.values()))}
        return {"id": ids, "class": _values(list(value.values()))}
    raise ValueError("expected a list of objects with id and prediction, or an object with the prediction of each id")


def _of_objects(objects: Sequence[Mapping[str, Any]]) -> dict[str, NDArray[Any]]:
    names = list(objects[0])
    for number, each in enumerate(objects, start=1):
        if set(each) != set(names):
            listed = one_line(", ".join(map(str, each)), max_length=100)
            raise ValueError(f"its object {number:,} has other keys than the first: {listed}")
    found: dict[str, NDArray[Any]] = {}
    for name in names:
        columns = _columns(name, [each[name] for each in objects])
        repeated = next((each for each in columns if each in found), None)
        if repeated is not None:
            raise ValueError(f"two columns are called {one_line(repeated, max_length=40)!r}")
        found |= columns
    return found


def _columns(name: str, values: Sequence[Any]) -> dict[str, NDArray[Any]]:
    """Return the column *name*, or a column for each class where its values are scores by class."""
    values = [_by_class(each) for each in values]
    if not all(isinstance(each, dict) for each in values):
        return {name: _values(values)}
    classes = list(values[0])
    for number, each in enumerate(values, start=1):
        if set(each) != set(classes):
            raise ValueError(
                f"row {number:,} has scores of other classes than the first: {one_line(each, max_length=80)}"
            )
    return {each: _values([row[each] for row in values]) for each in classes}


def _by_class(value: Any) -> Any:
    """Return the scores by class of a list of objects with label and score; anything else as it is."""
    is_list = isinstance(value, list) and value and all(isinstance(each, dict) for each in value)
    if is_list and all(set(each) == {"label", "score"} for each in value):
        return {str(each["label"]): each["score"] for each in value}
    return value


def _values(values: Sequence[Any]) -> NDArray[Any]:
    return matrix(values) if values and isinstance(values[0], list) else vector(values)


def vector(values: Sequence[Any]) -> NDArray[Any]:
    """Return numbers or text as an array ``[N]``.

    Raises:
        ValueError: If they are neither.
    """
    kinds = {type(each) for each in values}
    if kinds <= {int, float} or kinds == {bool}:
        return np.array(values, dtype=np.float64 if float in kinds else np.int64)
    if kinds <= {str, int}:
        return np.array([str(each) for each in values], dtype=np.str_)
    named = "nothing" if type(None) in kinds else " and ".join(sorted(kind.__name__ for kind in kinds))
    raise ValueError(f"a column holds {named}, where numbers or text are expected")


def matrix(values: Sequence[Any]) -> NDArray[Any]:
    """Return lists of numbers as an array ``[N, K]``.

    Raises:
        ValueError: If their lengths differ, or they hold anything else.
    """
    length = len(values[0])
    for number, each in enumerate(values, start=1):
        if not isinstance(each, list) or len(each) != length:
            raise ValueError(f"row {number:,} has another number of scores than the first, which has {length:,}")
        if not all(type(score) in (int, float) for score in each):
            raise ValueError(f"the scores of row {number:,} are not all numbers")
    return np.array(values, dtype=np.float64).reshape(len(values), length)
