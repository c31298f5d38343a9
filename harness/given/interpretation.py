"""Interpretation: what the columns of a file of predictions mean: ids, predicted classes, probabilities or logits.

Shape suffixes: N images, K classes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.given.columns import ID_COLUMNS, LABEL_COLUMNS, PREDICTED_COLUMNS, Columns
from zoo.text import one_line, plural

SUM_TOLERANCE = 1e-3
"""How far the probabilities of an image may be from a sum of 1, for files that round them."""
SMALLEST = float(np.finfo(np.float32).tiny)
"""What a probability of 0 counts as, so that its logarithm is finite."""

_FEW = 0.5
"""Share of images up to which scores outside [0, 1] are mistakes among probabilities; beyond, they are logits."""
_SHOWN = 3
_PREFIX = re.compile(
    r"(?P<kind>logits?|score|prob(?:abilit(?:y|ies)|s|a)?|p|class|c)?[ _.\-]?(?P<number>\d+)", re.IGNORECASE
)
_MATRICES = {
    "probabilities": "probabilities", "probability": "probabilities", "probs": "probabilities",
    "prob": "probabilities", "proba": "probabilities", "softmax": "probabilities", "logits": "logits",
    "logit": "logits", "scores": "", "score": "", "outputs": "", "predictions": "", "prediction": "",
}  # fmt: skip
"""Names of columns with the scores of all classes, and what these are; empty: to be told by their values."""


class ScoreKind(StrEnum):
    """What the scores in a file are."""

    PROBABILITIES = "probabilities"
    LOGITS = "logits"


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
    matrix = _score_matrix(columns, classes)
    if matrix is not None:
        scores_NK, kind, used = matrix
        logits_NK = _logits(columns, scores_NK, scores or kind, ids)
        predicted_N = logits_NK.argmax(axis=1)
    else:
        name = _find(columns, PREDICTED_COLUMNS)
        if name is None:
            listed = ", ".join(one_line(each, max_length=30) for each in list(columns.by_name)[:6])
            raise columns.error(
                f"expected a column prediction, or a score for each of {plural(len(classes), 'class', 'classes')}; "
                f"its columns are {listed}"
            )
        logits_NK, used = None, {name}
        predicted_N = class_numbers(columns, columns.by_name[name], classes, ids, what="predicts")
    unused = [name for name in columns.by_name if name not in used and name != _find(columns, ID_COLUMNS)]
    listed = ", ".join(one_line(name, max_length=30) for name in unused[:_SHOWN])
    more = " …" if len(unused) > _SHOWN else ""
    notes = (f"{columns.name}: {plural(len(unused), 'column')} not used: {listed}{more}",) if unused else ()
    return GivenPredictions(columns=columns, ids=ids, predicted_N=predicted_N, logits_NK=logits_NK, notes=notes)


def find_ids(columns: Columns) -> list[str]:
    """Return the id of each row as text.

    Raises:
        DataError: If there is no column of ids, or an id is empty.
    """
    name = _find(columns, ID_COLUMNS)
    if name is None:
        listed = ", ".join(one_line(each, max_length=30) for each in list(columns.by_name)[:6])
        raise columns.error(f"expected a column id, file or path that says which image each row is; it has {listed}")
    values = columns.by_name[name]
    if values.ndim != 1:
        raise columns.error(f"its ids have the shape {list(values.shape)}; expected one for each image")
    if values.dtype.kind == "f" and (values == np.floor(values)).all():
        values = values.astype(np.int64)
    ids: list[str] = [str(each) for each in values.tolist()]
    empty = sum(not each for each in ids)
    if empty:
        raise columns.error(f"{plural(empty, 'row')} without an id")
    return ids


def find_labels(columns: Columns) -> NDArray[Any]:
    """Return the labels in a file of labels.

    Raises:
        DataError: If it has no column of labels.
    """
    name = _find(columns, LABEL_COLUMNS)
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
    words = [str(each) for each in values.tolist()]
    distinct = dict.fromkeys(words)
    by_name = all(word in numbers for word in distinct)
    order = columns.classes or classes
    if not by_name and columns.classes and not set(columns.classes) <= set(classes):
        raise columns.error(f"it states classes that the dataset does not have: {_strange(columns, classes)}")
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


def log_probabilities(probabilities_NK: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithms of probabilities, with the same classes on top as before: rounding makes no ties."""
    logits_NK: NDArray[np.float64] = np.log(np.maximum(probabilities_NK, SMALLEST))
    was_top_NK = probabilities_NK == probabilities_NK.max(axis=1, keepdims=True)
    is_top_NK = logits_NK == logits_NK.max(axis=1, keepdims=True)
    return np.where(is_top_NK & ~was_top_NK, np.nextafter(logits_NK, -np.inf), logits_NK)


def shown(words: Sequence[object], most: int = _SHOWN) -> str:
    """Return the first few of *words*, quoted."""
    text = ", ".join(repr(one_line(word, max_length=60)) for word in words[:most])
    return f"{text} …" if len(words) > most else text


def _ids_at(ids: Sequence[str], places: NDArray[np.intp]) -> str:
    return shown([ids[place] for place in places[: _SHOWN + 1].tolist()])


def _named(classes: Sequence[str]) -> str:
    return (
        f"one of {plural(len(classes), 'class', 'classes')}, {shown(classes)}, or a number from 0 to {len(classes) - 1}"
    )


def _find(columns: Columns, names: Sequence[str]) -> str | None:
    """Return the column that has one of *names*, the first in their order."""
    by_lower = {name.lower(): name for name in reversed(list(columns.by_name))}
    return next((by_lower[name] for name in names if name in by_lower), None)


def _score_matrix(
    columns: Columns, classes: Sequence[str]
) -> tuple[NDArray[np.float64], ScoreKind | None, set[str]] | None:
    """Return the scores ``[N, K]`` in the order of the classes, what they are, and their columns; None without any."""
    for name, values in columns.by_name.items():
        if values.ndim == 2 and values.dtype.kind in "iuf":
            kind = _MATRICES.get(name.lower(), "")
            ordered = values[:, _order(columns, values.shape[1], classes)]
            return ordered.astype(np.float64), ScoreKind(kind) if kind else None, {name}
    used = {_find(columns, ID_COLUMNS), _find(columns, PREDICTED_COLUMNS)}
    names = [name for name, values in columns.by_name.items() if name not in used and values.dtype.kind in "iufU"]
    places = {name: number for number, name in enumerate(classes)}
    by_class = [name for name in names if name in places]
    if len(by_class) >= 2:
        missing = [each for each in classes if each not in set(by_class)]
        if missing:
            raise columns.error(
                f"scores of {len(by_class):,} classes, but the dataset has {len(classes):,}: {shown(missing)} missing"
            )
        return _stacked(columns, list(classes)), None, set(classes)
    numbered = {int(found["number"]): (name, found["kind"]) for name in names if (found := _PREFIX.fullmatch(name))}
    if len(numbered) < 2:
        return None
    if sorted(numbered) != list(range(len(classes))):
        # Numbers from 1 would be a guess.
        raise columns.error(
            f"scores of {len(numbered):,} classes, numbered {min(numbered)} to {max(numbered)}, but the dataset has "
            f"{len(classes):,} classes, numbered from 0"
        )
    ordered_names = [numbered[number][0] for number in range(len(classes))]
    word = (numbered[0][1] or "").lower()
    named = ScoreKind.LOGITS if word.startswith("logit") else ScoreKind.PROBABILITIES if word.startswith("p") else None
    return _stacked(columns, ordered_names), named, set(ordered_names)


def _stacked(columns: Columns, names: Sequence[str]) -> NDArray[np.float64]:
    try:
        return np.stack([columns.by_name[name].astype(np.float64) for name in names], axis=1)
    except ValueError as error:
        raise columns.error(f"its scores are not all numbers: {one_line(error, max_length=100)}") from None


def _order(columns: Columns, num_columns: int, classes: Sequence[str]) -> list[int]:
    """Return the place of each class among the columns of a matrix."""
    if num_columns != len(classes):
        raise columns.error(f"{num_columns:,} scores for each image, but the dataset has {len(classes):,} classes")
    if not columns.classes:
        return list(range(num_columns))
    if set(columns.classes) != set(classes):
        strange = _strange(columns, classes) or shown([each for each in classes if each not in columns.classes])
        raise columns.error(f"the classes that it states are not those of the dataset: {strange}")
    places = {name: place for place, name in enumerate(columns.classes)}
    return [places[name] for name in classes]


def _strange(columns: Columns, classes: Sequence[str]) -> str:
    return shown([each for each in columns.classes if each not in set(classes)])


def _logits(
    columns: Columns, scores_NK: NDArray[np.float64], kind: ScoreKind | None, ids: Sequence[str]
) -> NDArray[np.float64]:
    finite_N = np.isfinite(scores_NK).all(axis=1)
    if not finite_N.all():
        bad = np.flatnonzero(~finite_N)
        raise columns.error(f"{plural(len(bad), 'row')} with a score that is not finite: {_ids_at(ids, bad)}")
    if kind is ScoreKind.LOGITS:
        return scores_NK
    outside_N = ((scores_NK < 0) | (scores_NK > 1 + SUM_TOLERANCE)).any(axis=1)
    if kind is None and outside_N.mean() > _FEW:
        return scores_NK
    if outside_N.any():
        bad = np.flatnonzero(outside_N)
        raise columns.error(
            f"{plural(len(bad), 'row')} with a probability outside [0, 1]: {_ids_at(ids, bad)}; "
            "--scores logits takes scores that are not probabilities"
        )
    sums_N = scores_NK.sum(axis=1)
    bad = np.flatnonzero(np.abs(sums_N - 1) > SUM_TOLERANCE)
    if len(bad):
        raise columns.error(
            f"the probabilities of {plural(len(bad), 'row')} do not sum to 1: {_ids_at(ids, bad)}, the first "
            f"to {sums_N[bad[0]]:.4g}; --scores logits takes scores that are not probabilities"
        )
    return log_probabilities(scores_NK)
