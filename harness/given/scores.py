"""Scores: the probabilities or logits in files of predictions, a column of each class or all in one.

Shape suffixes: N images, K classes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from harness.given.column_names import ID_COLUMNS, PREDICTED_COLUMNS, find_column
from harness.given.columns import Columns
from harness.given.words import SHOWN, plain_names, shown
from zoo.names import plain_name
from zoo.text import one_line, plural

SUM_TOLERANCE = 1e-3
"""How far the probabilities of an image may be from a sum of 1, if they are not rounded to few decimals."""
_DECIMALS, _MOST_ROUNDED = (2, 3, 4, 5), 0.02
"""Numbers of decimals that probabilities may be rounded to, and how far that may take their sum from 1."""
SMALLEST = float(np.finfo(np.float32).tiny)
"""What a probability of 0 counts as, so that its logarithm is finite."""
_FEW = 0.5
"""Share of images up to which scores outside [0, 1] are mistakes among probabilities; beyond, they are logits."""
_SAME_SUM = 0.02
"""Relative difference up to which the sums of two rows are the same, where scores may be rounded shares."""
_PREFIX = re.compile(
    r"(?P<kind>logits?|score|prob(?:abilit(?:y|ies)|s|a)?|p|class|c)?[ _.\-]?(?P<number>\d+)", re.IGNORECASE
)
_NAMED = re.compile(r"(?P<kind>logits?|score|prob(?:ability|s|a)?|p)[ _.\-:](?P<name>.+)", re.IGNORECASE)
"""A column of scores that is called by its class, such as ``prob_cat``."""
_MATRICES = {
    "probabilities": "probabilities", "probability": "probabilities", "probs": "probabilities",
    "prob": "probabilities", "proba": "probabilities", "softmax": "probabilities", "logits": "logits",
    "logit": "logits", "log_probs": "logits", "log_probabilities": "logits",
    "scores": "", "score": "", "outputs": "", "predictions": "", "prediction": "",
}  # fmt: skip
"""Names of columns with the scores of all classes, and what these are; empty: to be told by their values."""


class ScoreKind(StrEnum):
    """What the scores in a file are."""

    PROBABILITIES = "probabilities"
    LOGITS = "logits"


def find_scores(
    columns: Columns, classes: Sequence[str]
) -> tuple[NDArray[np.float64], ScoreKind | None, set[str]] | None:
    """Return the scores ``[N, K]`` in the order of the classes, what they are, and their columns; None without any.

    Raises:
        DataError: If they are not those of the classes.
    """
    for name, values in columns.by_name.items():
        if values.ndim == 2 and values.dtype.kind in "iuf":
            kind = _MATRICES.get(name.lower(), "")
            ordered = values[:, _order(columns, values.shape[1], classes)]
            return ordered.astype(np.float64), ScoreKind(kind) if kind else None, {name}
    used = {find_column(columns.by_name, ID_COLUMNS), find_column(columns.by_name, PREDICTED_COLUMNS)}
    names = [name for name, values in columns.by_name.items() if name not in used and values.dtype.kind in "iufU"]
    by_class, word = _named_columns(names, classes)
    if len(by_class) >= 2:
        missing = [each for each in classes if each not in by_class]
        if missing:
            raise columns.error(
                f"scores of {len(by_class):,} classes, but the dataset has {len(classes):,}: {shown(missing)} missing"
            )
        ordered_names = [by_class[each] for each in classes]
        return _stacked(columns, ordered_names), _kind_of(word), set(ordered_names)
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
    return _stacked(columns, ordered_names), _kind_of(numbered[0][1] or ""), set(ordered_names)


def as_logits(
    columns: Columns, scores_NK: NDArray[np.float64], kind: ScoreKind | None, ids: Sequence[str]
) -> NDArray[np.float64]:
    """Return scores as logits.

    Args:
        kind: What they are; None: probabilities if all but a few are in [0, 1].

    Raises:
        DataError: If some are not finite, or are no probabilities where they should be.
    """
    finite_N = np.isfinite(scores_NK).all(axis=1)
    if not finite_N.all():
        bad = np.flatnonzero(~finite_N)
        raise columns.error(f"{plural(len(bad), 'row')} with a score that is not finite: {_ids_at(ids, bad)}")
    if kind is ScoreKind.LOGITS:
        return scores_NK
    outside_N = ((scores_NK < 0) | (scores_NK > 1 + SUM_TOLERANCE)).any(axis=1)
    if kind is None and outside_N.mean() > _FEW:
        _check_no_shares(columns, scores_NK)
        return scores_NK
    if outside_N.any():
        bad = np.flatnonzero(outside_N)
        raise columns.error(
            f"{plural(len(bad), 'row')} with a probability outside [0, 1]: {_ids_at(ids, bad)}; "
            "--scores logits takes scores that are not probabilities"
        )
    sums_N = scores_NK.sum(axis=1)
    bad = np.flatnonzero(np.abs(sums_N - 1) > _tolerance(scores_NK))
    if len(bad):
        raise columns.error(
            f"the probabilities of {plural(len(bad), 'row')} do not sum to 1: {_ids_at(ids, bad)}, the first "
            f"to {sums_N[bad[0]]:.4g}; --scores logits takes scores that are not probabilities"
        )
    return log_probabilities(scores_NK)


def _check_no_shares(columns: Columns, scores_NK: NDArray[np.float64]) -> None:
    """Refuse percentages, counts of votes and the like, which as logits would have the right class and wrong scores."""
    sums_N = scores_NK.sum(axis=1)
    if len(sums_N) > 1 and (scores_NK >= 0).all() and np.ptp(sums_N) <= _SAME_SUM * sums_N.mean():
        raise columns.error(
            f"its scores are never negative and sum to {sums_N.mean():.4g} in every row, as percentages do: divide "
            "them by that for probabilities, or give --scores logits if they are logits"
        )


def log_probabilities(probabilities_NK: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithms of probabilities, with the same classes on top as before: rounding makes no ties."""
    logits_NK: NDArray[np.float64] = np.log(np.maximum(probabilities_NK, SMALLEST))
    was_top_NK = probabilities_NK == probabilities_NK.max(axis=1, keepdims=True)
    is_top_NK = logits_NK == logits_NK.max(axis=1, keepdims=True)
    return np.where(is_top_NK & ~was_top_NK, np.nextafter(logits_NK, -np.inf), logits_NK)


def is_one_hot(scores_NK: NDArray[np.float64]) -> bool:
    """Return whether each image has a 1 for a class and 0 for all others: a class, and no score."""
    return bool(np.isin(scores_NK, (0, 1)).all() and (scores_NK.sum(axis=1) == 1).all())


def _named_columns(names: Sequence[str], classes: Sequence[str]) -> tuple[dict[str, str], str]:
    """Return the column of each class that has one, and what the columns call scores, as in ``prob_cat``."""
    exact = {name: name for name in classes if name in names}
    if exact:
        return exact, ""
    for word in dict.fromkeys(found["kind"] for name in names if (found := _NAMED.fullmatch(name))):
        rest = {found["name"]: name for name in names if (found := _NAMED.fullmatch(name)) and found["kind"] == word}
        by_class = {each: rest[each] for each in classes if each in rest}
        if len(by_class) >= 2:
            return by_class, word
    plain = plain_names(classes)
    by_plain = {plain[plain_name(name)]: name for name in names if plain_name(name) in plain}
    return by_plain, ""


def _kind_of(word: str) -> ScoreKind | None:
    """Return what scores are that a column calls *word*; None: to be told by their values."""
    word = word.lower()
    return ScoreKind.LOGITS if word.startswith("logit") else ScoreKind.PROBABILITIES if word.startswith("p") else None


def _stacked(columns: Columns, names: Sequence[str]) -> NDArray[np.float64]:
    try:
        return np.stack([columns.by_name[name].astype(np.float64) for name in names], axis=1)
    except ValueError as error:
        reason = one_line(error, max_length=100).replace("np.str_(", "").removesuffix(")")
        raise columns.error(f"its scores are not all numbers: {reason}") from None


def _order(columns: Columns, num_columns: int, classes: Sequence[str]) -> list[int]:
    """Return the place of each class among the columns of a matrix."""
    if num_columns != len(classes):
        raise columns.error(f"{num_columns:,} scores for each image, but the dataset has {len(classes):,} classes")
    if not columns.classes:
        return list(range(num_columns))
    if set(columns.classes) != set(classes):
        strange = strange_classes(columns, classes) or shown([each for each in classes if each not in columns.classes])
        raise columns.error(f"the classes that it states are not those of the dataset: {strange}")
    places = {name: place for place, name in enumerate(columns.classes)}
    return [places[name] for name in classes]


def strange_classes(columns: Columns, classes: Sequence[str]) -> str:
    """Return the first classes that a file states and the dataset does not have, quoted; empty if there are none."""
    return shown([each for each in columns.classes if each not in set(classes)])


def _tolerance(scores_NK: NDArray[np.float64]) -> float:
    """Return how far sums may be from 1: as far as rounding to the decimals of the scores can take them."""
    for decimals in _DECIMALS:
        if np.allclose(np.round(scores_NK, decimals), scores_NK, rtol=0, atol=1e-9):
            rounding: float = 0.5 * 10.0**-decimals * scores_NK.shape[1]
            return max(SUM_TOLERANCE, min(_MOST_ROUNDED, rounding + 1e-9))
    return SUM_TOLERANCE


def _ids_at(ids: Sequence[str], places: NDArray[np.intp]) -> str:
    return shown([ids[place] for place in places[: SHOWN + 1].tolist()])
