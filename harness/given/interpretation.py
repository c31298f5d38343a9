"""Interpretation: what the columns of a file of predictions mean: ids, predicted classes, probabilities or logits.

Shape suffixes: N images, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.given.column_names import ID_COLUMNS, LABEL_COLUMNS, PREDICTED_COLUMNS, find_column
from harness.given.columns import Columns
from harness.given.scores import ScoreKind, as_logits, find_scores, is_one_hot, strange_classes
from harness.given.words import SHOWN, plain_names, shown, whole_numbers
from zoo.errors import DataError
from zoo.names import plain_name
from zoo.text import one_line, plural


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class GivenPredictions:
    """The predictions in a file, in its order."""

    columns: Columns
    """The file."""
    ids: list[str]
    """The id of each image as it is in the file."""
    predicted_N: NDArray[np.int64]
    """Predicted classes; with scores, those with the highest."""
    logits_NK: NDArray[np.float64] | None
    """Logits, or logarithms of probabilities; None if the file has classes only."""
    notes: tuple[str, ...] = ()
    """Sentences on what of the file is not used."""


def interpret(columns: Columns, classes: Sequence[str], scores: ScoreKind | None = None) -> GivenPredictions:
    """Return the predictions in the columns of a file.

    Args:
        columns: The file.
        classes: Names of the classes; a file may name classes by these, or number them from 0.
        scores: What the scores are; None: as their columns are called, else probabilities if all are in [0, 1].

    Raises:
        DataError: If ids or predictions are missing, or not those of these classes.
    """
    ids = find_ids(columns)
    matrix = find_scores(columns, classes)
    logits_NK: NDArray[np.float64] | None = None
    if matrix is not None:
        scores_NK, kind, used = matrix
        if scores or kind or not is_one_hot(scores_NK):
            scores_NK = logits_NK = as_logits(columns, scores_NK, scores or kind, ids)
        predicted_N = scores_NK.argmax(axis=1)
        stated_N = _stated_classes(columns, scores_NK, used, classes, ids)
        if stated_N is not None and logits_NK is not None:
            rows = np.flatnonzero(predicted_N != stated_N)  # scores that are equal once rounded
            logits_NK[rows, stated_N[rows]] = np.nextafter(logits_NK[rows, stated_N[rows]], np.inf)
            predicted_N = stated_N
    else:
        name = find_column(columns.by_name, PREDICTED_COLUMNS)
        if name is None:
            listed = ", ".join(one_line(each, max_length=30) for each in list(columns.by_name)[:6])
            raise columns.error(
                f"expected a column prediction, or a score for each of {plural(len(classes), 'class', 'classes')}; "
                f"its columns are {listed}"
            )
        used = {name}
        predicted_N = class_numbers(columns, columns.by_name[name], classes, ids, what="predicts")
    unused = [name for name in columns.by_name if name not in used and name != find_column(columns.by_name, ID_COLUMNS)]
    listed = ", ".join(one_line(name, max_length=30) for name in unused[:SHOWN])
    more = " …" if len(unused) > SHOWN else ""
    notes = (f"{columns.name}: {plural(len(unused), 'column')} not used: {listed}{more}",) if unused else ()
    return GivenPredictions(columns=columns, ids=ids, predicted_N=predicted_N, logits_NK=logits_NK, notes=notes)


def _stated_classes(
    columns: Columns, scores_NK: NDArray[np.float64], used: set[str], classes: Sequence[str], ids: Sequence[str]
) -> NDArray[np.int64] | None:
    """Return the predicted classes in a column beside scores; None without one, or if it may as well hold true labels.

    Raises:
        DataError: If one is not a class with the highest score.
    """
    names = [name for name in PREDICTED_COLUMNS if name not in LABEL_COLUMNS]
    name = find_column([name for name in columns.by_name if name not in used], names)
    if name is None:
        return None
    try:
        stated_N = class_numbers(columns, columns.by_name[name], classes, ids, what="predicts")
    except DataError:  # something else than classes
        return None
    other = np.flatnonzero(scores_NK[np.arange(len(ids)), stated_N] < scores_NK.max(axis=1))
    if len(other):
        raise columns.error(
            f"{plural(len(other), 'row')} whose class in the column {one_line(name, max_length=30)} is not the one "
            f"with the highest score: {shown([ids[place] for place in other[: SHOWN + 1].tolist()])}"
        )
    used.add(name)
    return stated_N


def find_ids(columns: Columns) -> list[str]:
    """Return the id of each row as text.

    Raises:
        DataError: If there is no column of ids, or an id is empty.
    """
    name = find_column(columns.by_name, ID_COLUMNS)
    if name is None:
        listed = ", ".join(one_line(each, max_length=30) for each in list(columns.by_name)[:6])
        raise columns.error(f"expected a column id, file or path that says which image each row is; it has {listed}")
    values = columns.by_name[name]
    if values.ndim != 1:
        raise columns.error(f"its ids have the shape {list(values.shape)}; expected one for each image")
    if values.dtype.kind == "f" and (values == np.floor(values)).all():
        values = values.astype(np.int64)
    ids = whole_numbers([str(each) for each in values.tolist()])
    empty = sum(not each for each in ids)
    if empty:
        raise columns.error(f"{plural(empty, 'row')} without an id")
    return ids


def find_labels(columns: Columns) -> NDArray[Any]:
    """Return the labels in a file of labels.

    Raises:
        DataError: If it has no column of labels.
    """
    name = find_column(columns.by_name, LABEL_COLUMNS)
    if name is None or columns.by_name[name].ndim != 1:
        listed = ", ".join(one_line(each, max_length=30) for each in list(columns.by_name)[:6])
        raise columns.error(f"expected the columns id and label; its columns are {listed}")
    return columns.by_name[name]


def class_numbers(
    columns: Columns, values: NDArray[Any], classes: Sequence[str], ids: Sequence[str], *, what: str
) -> NDArray[np.int64]:
    """Return classes as numbers: by their names if all are names, else by their numbers from 0.

    Raises:
        DataError: If one is neither.
    """
    numbers = {name: number for number, name in enumerate(classes)}
    if values.dtype.kind == "f" and np.isfinite(values).all() and (values == np.floor(values)).all():
        values = values.astype(np.int64)
    if values.ndim != 1:
        raise columns.error(f"its classes have the shape {list(values.shape)}; expected one for each image")
    words = whole_numbers([str(each) for each in values.tolist()])
    plain = plain_names(classes)
    if not any(word in numbers for word in dict.fromkeys(words)):
        words = [plain.get(plain_name(word), word) for word in words]
    distinct = dict.fromkeys(words)
    by_name = all(word in numbers for word in distinct)
    order = columns.classes or classes
    if not by_name and columns.classes and not set(columns.classes) <= set(classes):
        raise columns.error(f"it states classes that the dataset does not have: {strange_classes(columns, classes)}")
    lookup = numbers if by_name else {str(number): numbers[name] for number, name in enumerate(order)}
    unknown = [word for word in distinct if word not in lookup and word not in numbers]
    named = [word for word in distinct if word not in lookup and word in numbers]
    if named and not unknown:
        counted = next(word for word in distinct if word not in numbers)
        raise columns.error(
            f"it has names of classes and numbers: {shown([named[0], counted])}; expected one of the two"
        )
    if unknown:
        rows = sum(word in set(unknown) for word in words)
        first = next(place for place, word in enumerate(words) if word in set(unknown))
        raise columns.error(
            f"{plural(rows, 'row')} {what if rows == 1 else what.removesuffix('s')} "
            f"{'a class' if len(unknown) == 1 else f'{len(unknown):,} classes'} that the dataset does not have: "
            f"{shown(unknown)} (first for id {one_line(ids[first], max_length=60)!r}); expected {_named(classes)}"
        )
    return np.array([lookup[word] for word in words], dtype=np.int64)


def _named(classes: Sequence[str]) -> str:
    return (
        f"one of {plural(len(classes), 'class', 'classes')}, {shown(classes)}, or a number from 0 to {len(classes) - 1}"
    )
