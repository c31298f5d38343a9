"""Runtimes: what a trial's weights did under other runtimes, as trials of their own, for rows of their own."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import replace

from harness.records.record import Outcome, Record
from harness.records.runtime_result import RuntimeRecord, as_record, own_runtime, results_in, runtime_name
from harness.records.store import CHECKPOINT_FILE
from reports.leaderboard.table import Row
from reports.trials.grouping import Group
from reports.trials.reading import Trial
from zoo.errors import StoreError


def with_runtimes(trials: Iterable[Trial]) -> tuple[list[Trial], list[str]]:
    """Return *trials*, each followed by what lies of runtimes in its folder, and a sentence for each damaged one."""
    found: list[Trial] = []
    problems: list[str] = []
    for folder, record in trials:
        found.append((folder, record))
        if record.outcome is not Outcome.DONE or isinstance(record, RuntimeRecord):
            continue
        for result in results_in(folder, record):
            if isinstance(result, StoreError):
                problems.append(str(result))
            else:
                found.append((folder, as_record(record, result)))
    return found, problems


def conditions_key(record: Record) -> str:
    """Return what speeds must have in common to be held against each other.

    A runtime is not part of it, for it is what such a table compares; device, threads and all else are.
    """
    return record.runtime.conditions_key if isinstance(record, RuntimeRecord) else record.measurement_key


def add_runtimes(rows: Sequence[Row], groups: Sequence[Group]) -> list[Row]:
    """Return the rows of a table with what tells their runtimes, if any row is of another than the trials' own."""
    if not _has_runtimes(groups):
        return list(rows)
    return [_with_runtime(row, group, runtime_shown(group, groups)) for row, group in zip(rows, groups, strict=True)]


def runtime_shown(group: Group, groups: Sequence[Group]) -> str:
    """Return the runtime of one of the rows of a table; empty where all are the trials' own."""
    own = own_runtime(group.example) if _has_runtimes(groups) else ""
    return runtime_name(group.example) or own


def _has_runtimes(groups: Sequence[Group]) -> bool:
    return any(isinstance(group.example, RuntimeRecord) for group in groups)


def _with_runtime(row: Row, group: Group, runtime: str) -> Row:
    if not isinstance(group.example, RuntimeRecord):
        return replace(row, runtime=runtime, file_bytes=_weights_bytes(group))
    results = [record.runtime for _, record in group.done.values() if isinstance(record, RuntimeRecord)]
    sizes = [each.file_bytes for each in results if each.file_bytes is not None]
    seconds = [each.conversion_seconds for each in results if each.conversion_seconds is not None]
    return replace(
        row,
        runtime=runtime,
        file_bytes=round(statistics.median(sizes)) if sizes else None,
        conversion_seconds=statistics.median(seconds) if seconds else None,
    )


def _weights_bytes(group: Group) -> int | None:
    """Return the size of the weights that a trial kept; None where they are not there any more."""
    sizes = []
    for folder, _ in group.done.values():
        try:
            sizes.append((folder / CHECKPOINT_FILE).stat().st_size)
        except OSError:
            continue
    return round(statistics.median(sizes)) if sizes else None
