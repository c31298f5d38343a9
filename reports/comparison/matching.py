"""Matching: which row of one set of records corresponds to which row of another.

A cell is an architecture, a dataset and a recipe with all their settings. Two commits differ in code, two
versions of torch in torch, two machines may differ in precision. So rows are first matched by everything, then by less,
as long as the match is unambiguous. Differences within a cell are always reported. Datasets of different content are
never matched.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.records.record import Record
from reports.trials.grouping import Group, row_key
from reports.trials.labels import data_label, torch_minor


@dataclass(frozen=True, kw_only=True)
class Matching:
    """Matched rows of two sets of records."""

    cells: tuple[tuple[Group, Group], ...]
    only_first: tuple[Group, ...]
    only_second: tuple[Group, ...]
    mixed: tuple[tuple[Group, Group], ...]
    """Pairs with the same names on images of different content, which are never compared."""
    ambiguous: tuple[Group, ...]
    """Rows of either side that several rows of the other side could match."""


def match_groups(first: Sequence[Group], second: Sequence[Group]) -> Matching:
    """Match each row with at most one row of the other side."""
    left, right = list(first), list(second)
    cells: list[tuple[Group, Group]] = []
    for key in (_all, _settings, _names):
        found = _unique_pairs(left, right, lambda group, key=key: (key(group), group.fingerprint))  # type: ignore[misc]
        cells += found
        _take(found, left, right)
    # A trial that failed before it read its images does not know their content.
    unread = _unique_pairs(left, right, _by_label)
    unread = [pair for pair in unread if not (pair[0].fingerprint and pair[1].fingerprint)]
    cells += unread
    _take(unread, left, right)
    mixed = _unique_pairs(left, right, _by_label)
    _take(mixed, left, right)
    keys = ({_by_label(group) for group in left}, {_by_label(group) for group in right})
    ambiguous = [group for group in (*left, *right) if _by_label(group) in keys[0] & keys[1]]
    places = {id(pair[0]): place for place, pair in enumerate(cells)}
    cells = [cells[places[id(group)]] for group in first if id(group) in places]
    return Matching(
        cells=tuple(cells),
        only_first=tuple(group for group in left if group not in ambiguous),
        only_second=tuple(group for group in right if group not in ambiguous),
        mixed=tuple(mixed),
        ambiguous=tuple(ambiguous),
    )


def _unique_pairs(
    left: Sequence[Group], right: Sequence[Group], key: Callable[[Group], Any]
) -> list[tuple[Group, Group]]:
    """Return the pairs whose key occurs exactly once on each side."""
    by_key: dict[Any, tuple[list[Group], list[Group]]] = {}
    for place, groups in enumerate((left, right)):
        for group in groups:
            by_key.setdefault(key(group), ([], []))[place].append(group)
    return [(ones[0], others[0]) for ones, others in by_key.values() if len(ones) == len(others) == 1]


def _take(pairs: Sequence[tuple[Group, Group]], left: list[Group], right: list[Group]) -> None:
    taken = {id(group) for pair in pairs for group in pair}
    left[:] = [group for group in left if id(group) not in taken]
    right[:] = [group for group in right if id(group) not in taken]


def _all(group: Group) -> str:
    return json.dumps([row_key(group.example), torch_minor(group.example)])


def _settings(group: Group) -> str:
    """Return everything but versions and code."""
    record = group.example
    spec = record.spec
    settings = [spec.architecture.options, spec.recipe.hyperparameters, _execution(record)]
    return json.dumps([*_names(group), *settings], sort_keys=True)


def _names(group: Group) -> tuple[str, ...]:
    spec = group.example.spec
    return spec.architecture.full_name, spec.recipe.full_name


def _by_label(group: Group) -> tuple[str, ...]:
    return *_names(group), data_label(group.example)


def _execution(record: Record) -> tuple[str, str]:
    return record.spec.execution.precision, record.spec.execution.small_images
