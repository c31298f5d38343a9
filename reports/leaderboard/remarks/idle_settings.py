"""Idle settings: rows that differ in a setting and still have the same predictions, bit for bit.

A setting of a plugin that nothing reads cannot be recognised before training, and makes a row of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.records.predictions import FILE_NAME
from harness.records.record import Record
from harness.records.runtime_result import runtime_name
from reports.trials.grouping import Group

_MISSING = object()


def idle_setting_notes(names: Sequence[str], groups: Sequence[Group]) -> list[str]:
    """Return a sentence for each two rows of a model whose predictions are equal although settings differ.

    Args:
        names: Names of the rows.
        groups: Their trials, in the same order.
    """
    by_model: dict[str, list[tuple[str, Group]]] = {}
    for name, group in zip(names, groups, strict=True):
        if group.done and not runtime_name(group.example):
            by_model.setdefault(group.example.spec.architecture.full_name, []).append((name, group))
    return [
        f"{one} and {other} have the same predictions, bit for bit: {', '.join(settings)} changed nothing"
        for rows in by_model.values()
        for (one, first), (other, second) in _equal(rows)
        if (settings := list(_differing(first.example, second.example)))
    ]


def _equal(rows: Sequence[tuple[str, Group]]) -> Iterator[tuple[tuple[str, Group], tuple[str, Group]]]:
    """Yield rows with equal predictions, each with the first row that has them."""
    seen: dict[tuple[int, str], tuple[str, Group]] = {}
    for row in rows:
        digests = _digests(row[1])
        twin = next((seen[each] for each in digests.items() if each in seen), None)
        if twin is not None and all(digests.get(seed, digest) == digest for seed, digest in _digests(twin[1]).items()):
            yield twin, row
        for each in digests.items():
            seen.setdefault(each, row)


def _digests(group: Group) -> dict[int, str]:
    files = {seed: record.files.get(FILE_NAME, "") for seed, (_, record) in group.done.items()}
    return {seed: digest for seed, digest in files.items() if digest}


def _differing(one: Record, other: Record) -> Iterator[str]:
    pairs: tuple[tuple[str, Mapping[str, Any], Mapping[str, Any]], ...] = (
        ("model", one.spec.architecture.options, other.spec.architecture.options),
        ("recipe", one.spec.recipe.hyperparameters, other.spec.recipe.hyperparameters),
    )
    for what, left, right in pairs:
        for key in dict.fromkeys([*left, *right]):
            if left.get(key, _MISSING) != right.get(key, _MISSING):
                yield f"{what}.{key}"
