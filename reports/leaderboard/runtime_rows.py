"""Runtime rows: the results of a trial's weights under other runtimes, as rows of their own."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace

from harness.records.record import Record
from harness.records.runtime_result import RuntimeRecord, own_runtime, runtime_name
from harness.records.store import CHECKPOINT_FILE
from reports.leaderboard.table import Row
from reports.trials.grouping import Group


def conditions_key(record: Record) -> str:
    """Return the key that speeds must share to be comparable.

    It covers device, threads and everything else but the runtime, which is what such a table compares.
    """
    return record.runtime.conditions_key if isinstance(record, RuntimeRecord) else record.measurement_key


def add_runtimes(rows: Sequence[Row], groups: Sequence[Group]) -> list[Row]:
    """Return rows with runtime, file size and conversion time, if any has a runtime other than its trial's."""
    if not _has_runtimes(groups):
        return list(rows)
    return [_with_runtime(row, group, runtime_shown(group, groups)) for row, group in zip(rows, groups, strict=True)]


def runtime_shown(group: Group, groups: Sequence[Group]) -> str:
    """Return the runtime of one row of a table; empty if no row has a runtime other than its trial's."""
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
    """Return the size of the trained weights; None if they have been removed."""
    sizes = []
    for folder, _ in group.done.values():
        try:
            sizes.append((folder / CHECKPOINT_FILE).stat().st_size)
        except OSError:
            continue
    return round(statistics.median(sizes)) if sizes else None
