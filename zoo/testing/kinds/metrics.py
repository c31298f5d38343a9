"""Checks of metrics, on predictions with known scores; the table in :mod:`zoo.testing.checks` gives their rationales.

Shape suffixes: N images, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.records.scoring import checked_value
from zoo.hierarchy import ClassHierarchy
from zoo.metric import Metric, Predictions
from zoo.testing.check_errors import CheckFailedError, NotApplicableError
from zoo.testing.global_state import require_no_side_effects
from zoo.testing.subjects import Subject
from zoo.text import error_text

_NUM_IMAGES = 60
_SURE = 30.0
"""A logit so large that its probability is 1 in single precision."""


def values_are_within_bounds(subject: Subject[Metric]) -> None:
    metric = subject.record
    for title, predictions in _cases(metric):
        raw = _compute(metric, predictions)
        try:
            checked_value(metric, raw, len(predictions.classes))
        except ValueError as error:
            raise CheckFailedError(f"{title}: {error}") from error
    if _own_classes(metric):
        _require_a_value_for_others(metric)


def order_of_images_is_irrelevant(subject: Subject[Metric]) -> None:
    metric = subject.record
    rng = np.random.default_rng(0)
    for title, predictions in _cases(metric):
        value = _value(metric, predictions)
        count = len(predictions.labels)
        for order in (np.arange(count)[::-1], rng.permutation(count)):
            other = _value(metric, predictions.select(order))
            _require_same(value, other, f"{title}, in another order")


def perfect_predictor_is_best(subject: Subject[Metric]) -> None:
    metric = subject.record
    if metric.kind == "matrix":
        raise NotApplicableError("a matrix has no order")
    for classes in _class_names(metric):
        k = len(classes)
        labels_N = _labels(k)
        perfect = _value(metric, _predictions(metric, _SURE * np.eye(k)[labels_N], labels_N, classes))
        if np.isnan(perfect).all():
            raise CheckFailedError(f"with {k} classes it is undefined for a predictor that is always right")
        rng = np.random.default_rng(0)
        for title, logits_NK in {
            "that is always wrong": _SURE * np.eye(k)[(labels_N + 1) % k],
            "that guesses": rng.normal(size=(len(labels_N), k)),
            "that is always right, but never certain": np.eye(k)[labels_N],
        }.items():
            value = _value(metric, _predictions(metric, logits_NK, labels_N, classes))
            better = value > perfect + 1e-9 if metric.higher_is_better else value < perfect - 1e-9
            if better.any():
                raise CheckFailedError(
                    f"with {k} classes a predictor {title} scores {_shown(value)}, better than the {_shown(perfect)} "
                    "of one that is always right and certain"
                )


def constant_predictor_gains_nothing(subject: Subject[Metric]) -> None:
    metric = subject.record
    for classes in _class_names(metric):
        k = len(classes)
        labels_N = _labels(k)
        constant_NK = np.zeros((len(labels_N), k))
        sorted_, reversed_ = np.sort(labels_N), np.sort(labels_N)[::-1].copy()
        first, last = (
            _value(metric, _predictions(metric, constant_NK, each, classes)) for each in (sorted_, reversed_)
        )
        _require_same(first, last, f"{k} classes, all logits equal, labels in another order")
        if metric.binary_only or metric.kind == "matrix" or _own_classes(metric) or "hierarchy" in metric.needs:
            continue  # since there, class 1 means something other than class 0
        values = []
        for label in (0, k - 1):
            value = _value(metric, _predictions(metric, constant_NK, np.full(len(labels_N), label)))
            # The class that occurs comes first, so that the two can be compared class by class.
            values.append(np.roll(value, -label) if metric.kind == "per_class" else value)
        _require_same(values[0], values[1], f"{k} classes, all logits equal, all images of the first or the last class")
        if metric.kind == "scalar":
            perfect = _value(metric, _predictions(metric, _SURE * np.eye(k)[labels_N], labels_N))
            if (first > perfect + 1e-6 if metric.higher_is_better else first < perfect - 1e-6).any():
                raise CheckFailedError(f"a constant model scores {_shown(first)}, a perfect one {_shown(perfect)}")


def known_cases(subject: Subject[Metric]) -> None:
    metric = subject.record
    if not metric.known_cases:
        raise NotApplicableError("it declares no known_cases")
    for number, case in enumerate(metric.known_cases, 1):
        classes = tuple(case.classes)
        validation = _predictions(metric, case.val_logits, case.val_labels, classes) if case.val_labels else None
        predictions = _predictions(metric, case.logits, case.labels, classes, validation=validation)
        if case.ids:
            predictions = replace(predictions, ids=tuple(case.ids))
        if case.features:
            predictions = replace(predictions, features=np.asarray(case.features, dtype=np.float32))
        if case.groups:
            predictions = replace(predictions, groups=np.asarray(case.groups, dtype=np.uint64))
        if case.hierarchy:
            predictions = replace(predictions, hierarchy=_hierarchy(classes, case.hierarchy))
        value, expected = _value(metric, predictions), np.asarray(case.value, dtype=np.float64)
        if value.shape != expected.shape or not np.allclose(value, expected, rtol=1e-5, atol=1e-7, equal_nan=True):
            raise CheckFailedError(f"case {number}: computed {_shown(value)}, expected {_shown(expected)}")


def influence_averages_to_the_value(subject: Subject[Metric]) -> None:
    metric = subject.record
    if metric.influence is None:
        raise NotApplicableError("it declares no influence")
    for title, predictions in _cases(metric):
        value = _value(metric, predictions)
        if np.isnan(value).any():
            continue
        with np.errstate(all="ignore"):
            influence_N = np.asarray(metric.influence(predictions.limited_to(metric.needs)), dtype=np.float64)
        if influence_N.shape != predictions.labels.shape:
            shapes = f"{list(influence_N.shape)} instead of {list(predictions.labels.shape)}"
            raise CheckFailedError(f"{title}: its influence has the shape {shapes}")
        mean = float(influence_N.mean())
        found = np.asarray(mean if metric.of_influence is None else metric.of_influence(mean))
        if not np.allclose(found, value, rtol=1e-6, atol=1e-9):
            raise CheckFailedError(f"{title}: the mean of its influence is {_shown(found)}, the metric {_shown(value)}")


def classes_alone_give_the_value(subject: Subject[Metric]) -> None:
    metric = subject.record
    if metric.needs_scores:
        raise NotApplicableError("it needs scores")
    for title, predictions in _cases(metric):
        logits_NK = predictions.logits
        top_NK = logits_NK == logits_NK.max(axis=1, keepdims=True)
        if (top_NK.sum(axis=1) > 1).any():
            continue  # no class is predicted
        alone = replace(predictions, logits=top_NK.astype(np.float32), has_scores=False)
        value, found = _value(metric, predictions), _value(metric, alone)
        _require_same(value, found, f"{title}, with the predicted classes alone")


def predictions_are_left_alone(subject: Subject[Metric]) -> None:
    metric = subject.record
    for title, predictions in _cases(metric):
        arrays = (predictions.logits, predictions.labels, predictions.probabilities, predictions.confusion)
        before = [array.copy() for array in arrays]
        try:
            first = _value(metric, predictions)
        except ValueError as error:
            if not error_text(error).endswith("read-only"):
                raise
            raise CheckFailedError(f"{title}: it changes its input in place ({error_text(error)})") from error
        changed = [
            name
            for name, array, copy in zip(
                ("logits", "labels", "probabilities", "confusion"), arrays, before, strict=True
            )
            if not np.array_equal(array, copy)
        ]
        if changed:
            raise CheckFailedError(f"{title}: it changes {' and '.join(changed)} in place")
        _require_same(first, _value(metric, predictions), f"{title}, computed again", exactly=True)


def metric_has_no_side_effects(subject: Subject[Metric]) -> None:
    metric = subject.record
    _, predictions = next(_cases(metric))
    require_no_side_effects(lambda: _compute(metric, predictions), "computing it")


def _own_classes(metric: Metric) -> tuple[tuple[str, ...], ...]:
    """Return the class names on which the metric depends according to its known cases."""
    return tuple(dict.fromkeys(tuple(case.classes) for case in metric.known_cases if case.classes))


def _require_a_value_for_others(metric: Metric) -> None:
    """Raise unless a metric that depends on class names has a value, or NaN, for a dataset with other classes."""
    (title, predictions), *_ = _cases_of(metric, _generic(3), "classes other than its own")
    try:
        checked_value(metric, _compute(metric, predictions), 3)
    except Exception as error:
        raise CheckFailedError(
            f"{title}: {type(error).__name__}: {error}; return NaN, since it is computed for every dataset"
        ) from error


def _class_names(metric: Metric) -> tuple[tuple[str, ...], ...]:
    # More than five classes, so that top-5 is defined.
    return _own_classes(metric) or (_generic(2 if metric.binary_only else 7),)


def _generic(num_classes: int) -> tuple[str, ...]:
    return tuple(f"class {k}" for k in range(num_classes))


def _labels(num_classes: int) -> NDArray[np.int64]:
    return (np.arange(_NUM_IMAGES) % num_classes).astype(np.int64)


def _predictions(
    metric: Metric,
    logits_NK: ArrayLike,
    labels_N: ArrayLike,
    classes: tuple[str, ...] = (),
    *,
    validation: Predictions | None = None,
) -> Predictions:
    """Return predictions with all that a metric can ask for."""
    logits = np.asarray(logits_NK, dtype=np.float32)
    classes = classes or _generic(logits.shape[1])
    return Predictions(
        logits=logits,
        labels=np.asarray(labels_N, dtype=np.int64),
        classes=classes,
        validation=validation or _validation(metric, classes),
        **_facts(metric, classes, np.asarray(logits, dtype=np.float32)),
    )


def _facts(metric: Metric, classes: tuple[str, ...], logits_NK: NDArray[np.float32]) -> dict[str, Any]:
    """Return what metrics can ask for: that of the known case with these classes, or else something ordinary."""
    num_images = len(logits_NK)
    own = [case.hierarchy for case in metric.known_cases if case.hierarchy and tuple(case.classes) == classes]
    return {
        "ids": tuple(f"image {index}" for index in range(num_images)),
        "groups": np.arange(num_images, dtype=np.uint64) // 4,
        "features": np.concatenate([logits_NK, np.square(np.clip(logits_NK, -100, 100))], axis=1),
        "hierarchy": _hierarchy(classes, own[0] if own else [("even",), ("odd",)] * len(classes)),
    }


def _hierarchy(classes: tuple[str, ...], groups: Sequence[Sequence[str]]) -> ClassHierarchy:
    return ClassHierarchy(classes=classes, ancestors=tuple(map(tuple, groups[: len(classes)])))


def _validation(metric: Metric, classes: tuple[str, ...]) -> Predictions:
    """Return predictions for validation images, most of them right, that are the same for all cases."""
    k = len(classes)
    labels_N = _labels(k)
    logits_NK = 2 * np.eye(k)[labels_N] + np.random.default_rng(11).normal(size=(_NUM_IMAGES, k))
    return Predictions(
        logits=logits_NK.astype(np.float32),
        labels=labels_N,
        classes=classes,
        **_facts(metric, classes, logits_NK.astype(np.float32)),
    )


def _cases(metric: Metric) -> Iterator[tuple[str, Predictions]]:
    """Yield ordinary and odd predictions with a description, for the metric's own classes if it depends on some."""
    own = _own_classes(metric)
    for classes in own or map(_generic, (2,) if metric.binary_only else (2, 3, 7)):
        yield from _cases_of(metric, classes, f"{len(classes)} classes{' of its own' if own else ''}")


def _cases_of(metric: Metric, classes: tuple[str, ...], what: str) -> Iterator[tuple[str, Predictions]]:
    rng = np.random.default_rng(7)
    k = len(classes)

    def case(logits_NK: ArrayLike, labels_N: ArrayLike) -> Predictions:
        return _predictions(metric, logits_NK, labels_N, classes)

    labels_N = rng.permutation(_labels(k))
    signal_NK = np.eye(k)[labels_N] * 1.5 + rng.normal(size=(_NUM_IMAGES, k))
    yield what, case(signal_NK, labels_N)
    yield f"{what}, all right", case(_SURE * np.eye(k)[labels_N], labels_N)
    yield f"{what}, all wrong", case(_SURE * np.eye(k)[(labels_N + 1) % k], labels_N)
    yield f"{what}, all logits equal", case(np.zeros((_NUM_IMAGES, k)), labels_N)
    yield f"{what}, many ties", case(np.round(signal_NK), labels_N)
    yield f"{what}, huge logits", case(signal_NK * 1e6, labels_N)
    yield f"{what}, one of them absent", case(signal_NK, np.where(labels_N == k - 1, 0, labels_N))
    yield f"{what}, one image", case(signal_NK[:1], labels_N[:1])


def _compute(metric: Metric, predictions: Predictions) -> Any:
    # As trials compute it: what is not defined is NaN, not a warning.
    with np.errstate(all="ignore"):
        return metric.compute(predictions.limited_to(metric.needs))


def _value(metric: Metric, predictions: Predictions) -> NDArray[np.float64]:
    return np.asarray(_compute(metric, predictions), dtype=np.float64)


def _require_same(first: NDArray[np.float64], second: NDArray[np.float64], what: str, *, exactly: bool = False) -> None:
    tolerance = 0.0 if exactly else 1e-9
    if first.shape != second.shape or not np.allclose(first, second, rtol=tolerance, atol=tolerance, equal_nan=True):
        raise CheckFailedError(f"{what}: it is {_shown(second)}, and was {_shown(first)}")


def _shown(value: NDArray[np.float64]) -> str:
    if value.ndim == 0:
        number = float(value)
        return "NaN" if math.isnan(number) else f"{number:.6g}"
    return np.array2string(value, precision=4, threshold=8).replace("\n", "")
