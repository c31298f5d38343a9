"""Record checks: whether the numbers of a record are of the kind and within the range that they can have.

A record may come from anybody. One with an accuracy of 1e308, or of ``"0.9"``, would be ranked first, or stop a table.
The bounds of the built-in metrics are those that the metrics declare; other metrics may have any finite value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel

from harness.records.record import MetricValue

MAX_MAGNITUDE = 1e30
"""Largest magnitude of any number: sums and squares of such numbers are finite."""


class Range(NamedTuple):
    """What values a metric may have."""

    kind: str
    """``scalar``, ``per_class`` or ``matrix``; empty: any of them."""
    low: float
    high: float


_SHARE = Range("scalar", 0, 1)
_SHARE_PER_CLASS = Range("per_class", 0, 1)
_ANY = Range("", -MAX_MAGNITUDE, MAX_MAGNITUDE)
RANGES: Mapping[str, Range] = {
    **dict.fromkeys(
        (
            "accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "macro_precision", "macro_recall", "top3",
            "top5", "roc_auc", "calibration_error", "debiased_calibration_error", "calibration_floor",
            "average_precision", "binary_f1", "best_threshold", "scaled_calibration_error", "aurc", "coverage_at_95",
            "coverage_at_99",
        ),
        _SHARE,
    ),
    **dict.fromkeys(
        ("per_class_accuracy", "per_class_f1", "per_class_precision", "per_class_recall"), _SHARE_PER_CLASS
    ),
    "matthews_corrcoef": Range("scalar", -1, 1),
    "brier": Range("scalar", 0, 2),
    "nll": Range("scalar", 0, MAX_MAGNITUDE),
    "scaled_nll": Range("scalar", 0, MAX_MAGNITUDE),
    "temperature": Range("scalar", 0, MAX_MAGNITUDE),
    "confusion": Range("matrix", 0, MAX_MAGNITUDE),
}  # fmt: skip
"""Range of each built-in metric, by its display name."""

_NUMBERS = {float, int, type(None)}
_PLAIN_NUMBERS = {float, int}
_NO_NUMBERS = frozenset({str, bool, type(None)})
"""Types of values that hold no number."""
_NO_LIST = frozenset({"", "scalar"})
_SHARES = frozenset({"best_val_accuracy", "top1_agreement"})
_SIGNED = frozenset({"final_train_loss", "max_difference", "mean", "std", "seed", "peak_memory_mib"})
"""Fields that may be negative: losses of plugins, and growth of memory."""


def number_problem(model: BaseModel) -> str:
    """Return what is wrong with the first bad number in a record or a runtime's result; empty if there is none."""
    return "" if _is_plain(model) else _problem_in(model, "")


def metric_problem(name: str, value: Any) -> str:
    """Return what is wrong with the value of a metric in a record; empty if nothing is."""
    expected = RANGES.get(name, _ANY)
    kind, bad = _inspect(value)
    if value is not None and (not kind or (expected.kind and kind != expected.kind)):
        shape = {"": "a number", "scalar": "a number", "per_class": "a number per class", "matrix": "a matrix"}
        return f"{name} is {_shown(value)}, not {shape[expected.kind]}"
    for number in bad if kind else ():
        if not _is_within(number, expected.low, expected.high):
            return f"{name} is {_shown(number)}, outside [{expected.low:g}, {expected.high:g}]"
    return ""


def _is_plain(model: BaseModel) -> bool:
    """Tell quickly that no number is negative or large, as in most records; otherwise, a closer look is needed."""
    stack: list[Iterable[tuple[str, Any]]] = [_values_with_numbers(model)]
    while stack:
        for name, value in stack.pop():
            kind = type(value)
            if kind is float or kind is int:
                if not 0 <= value <= MAX_MAGNITUDE or (value > 1 and name in _SHARES):
                    return False
            elif kind in _NO_NUMBERS:
                continue
            elif kind is dict:
                stack.append(value.items())
            elif kind is MetricValue:
                if not _is_plain_metric(name, value.value):
                    return False
            elif kind is list or kind is tuple:
                if not set(map(type, value)) <= _NO_NUMBERS:
                    stack.append([(name, each) for each in value])
            elif isinstance(value, BaseModel):
                stack.append(_values_with_numbers(value))
    return True


def _values_with_numbers(model: BaseModel) -> list[tuple[str, Any]]:
    own = model.__dict__
    return [(name, own[name]) for name in _fields_with_numbers(type(model))]


@cache
def _fields_with_numbers(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the fields that may hold numbers, as pydantic has checked their types."""
    return tuple(name for name, field in model.model_fields.items() if not _is_of_text(field.annotation))


def _is_of_text(annotation: Any) -> bool:
    """Tell whether values of a type are surely text, or lists or mappings of it."""
    if isinstance(annotation, type) and issubclass(annotation, (str, bool, type(None))):
        return True
    if get_origin(annotation) is Literal:
        return all(type(each) in _NO_NUMBERS for each in get_args(annotation))
    inner = [each for each in get_args(annotation) if each is not Ellipsis]
    return bool(inner) and all(map(_is_of_text, inner))


def _is_plain_metric(name: str, value: Any) -> bool:
    expected = RANGES.get(name, _ANY)
    if type(value) is float and expected.kind in _NO_LIST:
        return expected.low <= value <= expected.high
    if type(value) is list and _is_plain_list(expected, value):
        return True
    return not metric_problem(name, value)


def _is_plain_list(expected: Range, value: list[Any]) -> bool:
    """Tell quickly that a list, or the rows of a matrix, hold numbers within the range and nothing else."""
    is_matrix = bool(value) and type(value[0]) is list
    if expected.kind not in ("", "matrix" if is_matrix else "per_class"):
        return False
    for row in value if is_matrix else (value,):
        if type(row) is not list or not row or not set(map(type, row)) <= _PLAIN_NUMBERS:
            return False
        # A sum that is not itself has a NaN among its numbers, which is neither the smallest nor the largest.
        if not (expected.low <= min(row) and max(row) <= expected.high and (total := sum(row)) == total):
            return False
    return True


def _problem_in(model: BaseModel, where: str) -> str:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if not _is_harmless(name, value) and (problem := _problem_of(name, value, f"{where}{name}")):
            return problem
    return ""


def _is_harmless(name: str, value: Any) -> bool:
    """Tell at once that a value is fine, as most are: a board reads thousands of records."""
    kind = type(value)
    if kind is float or kind is int:
        return bool(0 <= value <= MAX_MAGNITUDE) and name not in _SHARES
    return kind in _NO_NUMBERS


def _problem_of(name: str, value: Any, where: str) -> str:
    if isinstance(value, MetricValue):
        return metric_problem(name, value.value)
    if isinstance(value, BaseModel):
        return _problem_in(value, f"{where}.")
    if isinstance(value, Mapping):
        keys = name if name in ("seconds", "images_per_second") else ""
        for key, each in value.items():
            own = keys or str(key)
            if not _is_harmless(own, each) and (problem := _problem_of(own, each, f"{where}.{key}")):
                return problem
    elif isinstance(value, (list, tuple)):
        for each in value:
            if not _is_harmless(name, each) and (problem := _problem_of(name, each, where)):
                return problem
    elif isinstance(value, (int, float)):
        low = -MAX_MAGNITUDE if name in _SIGNED or _is_free(where) else 0
        high = 1 if name in _SHARES else MAX_MAGNITUDE
        if not _is_within(value, low, high):
            return f"{where} is {_shown(value)}, outside [{low:g}, {high:g}]"
    return ""


def _is_free(where: str) -> bool:
    """Return whether a field belongs to a plugin or a machine, and may have any finite value."""
    return where.startswith(("spec.", "environment.", "conditions.", "quantization."))


def _inspect(value: Any) -> tuple[str, Iterable[Any]]:
    """Return the kind of a metric's value and its extreme numbers; an empty kind if it is none."""
    if _is_number(value):
        return "scalar", (value,)
    if not isinstance(value, list):
        return "", ()
    if set(map(type, value)) <= _NUMBERS:
        return "per_class", _extremes(value)
    if set(map(type, value)) == {list} and all(set(map(type, row)) <= _NUMBERS for row in value):
        return "matrix", (number for row in value for number in _extremes(row))
    return "", ()


def _extremes(numbers: list[Any]) -> tuple[Any, ...]:
    defined = [number for number in numbers if number is not None]
    # NaN is neither the smallest nor the largest number, unless it comes first.
    undefined = [number for number in defined if number != number]
    return (*undefined[:1], min(defined), max(defined)) if defined else ()


def _is_number(value: Any) -> bool:
    return type(value) is float or type(value) is int


def _is_within(value: float, low: float, high: float) -> bool:
    return low <= value <= high  # false for NaN; no bound is infinite


def _shown(value: Any) -> str:
    if isinstance(value, int) and abs(value) > 10**20:
        return "a number of more than 20 digits"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
