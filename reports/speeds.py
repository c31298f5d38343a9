"""Speeds: medians over a row's seeds, and which rows of a table may be held against each other."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.identity import measurement_fields
from harness.record import Record
from reports.grouping import Group
from reports.table import Row, Speed


def speed_of(records: Sequence[Record]) -> Speed | None:
    """Return medians over the seeds that were measured under the conditions that most of them were."""
    measured = [record for record in records if record.speed is not None]
    if not measured:
        return None
    key = _most_common(record.measurement_key for record in measured)
    speeds = [record.speed for record in measured if record.measurement_key == key and record.speed is not None]

    def median(read: Callable[[Any], float | None]) -> float | None:
        values = [value for value in map(read, speeds) if value is not None]
        return statistics.median(values) if values else None

    return Speed(
        measurement_key=key,
        train=median(lambda speed: speed.train_end_to_end and speed.train_end_to_end.median),
        train_compute=median(lambda speed: speed.train and speed.train.median),
        inference=median(lambda speed: speed.inference and speed.inference.median),
        inference_end_to_end=median(lambda speed: speed.inference_end_to_end and speed.inference_end_to_end.median),
        latency_p50_ms=median(lambda speed: speed.latency and speed.latency.p50_ms),
        latency_p95_ms=median(lambda speed: speed.latency and speed.latency.p95_ms),
        peak_memory_mib=median(lambda speed: speed.peak_memory_mib),
    )


def compare_speeds(rows: Sequence[Row], groups: Sequence[Group]) -> tuple[list[Row], str]:
    """Mark the speeds that were not measured as most were, and say in what they differ."""
    keys = [row.speed.measurement_key for row in rows if row.speed]
    if len(set(keys)) < 2:
        return list(rows), ""
    usual = _most_common(keys)
    conditions = {
        record.measurement_key: _conditions(record)
        for group in groups
        for _, record in group.done.values()
        if record.speed is not None
    }
    differing = sorted(
        name
        for name in {name for fields in conditions.values() for name in fields}
        if len({str(fields.get(name)) for fields in conditions.values()}) > 1
    )
    marked = []
    for row in rows:
        if row.speed and row.speed.measurement_key != usual:
            row = replace(row, speed=replace(row.speed, comparable=False))
        marked.append(row)
    usually = ", ".join(f"{name} {conditions[usual].get(name)}" for name in differing)
    note = "speeds marked † were measured under other conditions than most and cannot be compared with them"
    return marked, f"{note} (most: {usually})" if usually else note


def _conditions(record: Record) -> Mapping[str, Any]:
    try:
        return measurement_fields(record.spec, record.environment)
    except KeyError:  # a record that does not name its conditions; its key still tells that they differ
        return {}


def _most_common(keys: Iterable[str]) -> str:
    counts = Counter(keys)
    return min(counts, key=lambda key: (-counts[key], key))
