"""Columns of speed and memory, which may be compared only between rows that were measured under the same conditions."""

from __future__ import annotations

from typing import Any

from reports.cells import SPEED_MARK, front_mark, number
from reports.column import Column
from reports.table import Row


def _speed_column(key: str, title: str, about: str, field: str, *, priority: int, **options: Any) -> Column:
    def value(row: Row) -> float | None:
        found: float | None = None if row.speed is None else getattr(row.speed, field)
        return found

    def text(row: Row) -> str:
        found = value(row)
        mark = SPEED_MARK if found is not None and row.speed is not None and not row.speed.comparable else ""
        return number(found) + mark + front_mark(row, key)

    return Column(
        key=key,
        title=title,
        about=about,
        text=text,
        plain=lambda row: {key: value(row)},
        value=value,
        priority=priority,
        needs_equal_conditions=True,
        **options,
    )


SPEED_COLUMNS: tuple[Column, ...] = (
    _speed_column("train_speed", "train img/s", "training images per second, data path included", "train", priority=55),
    _speed_column(
        "train_compute_speed",
        "train img/s, compute",
        "training images per second on a batch already on the device",
        "train_compute",
        priority=66,
        default=False,
    ),
    _speed_column(
        "inference_speed",
        "infer img/s",
        "inference images per second on a batch already on the device",
        "inference",
        priority=50,
    ),
    _speed_column(
        "inference_end_to_end_speed",
        "infer img/s, end to end",
        "inference images per second over the test split, data path included",
        "inference_end_to_end",
        priority=67,
        default=False,
    ),
    _speed_column(
        "latency_p50",
        "latency ms",
        "milliseconds for a batch of one, median",
        "latency_p50_ms",
        priority=68,
        default=False,
        higher_is_better=False,
    ),
    _speed_column(
        "latency_p95",
        "p95 ms",
        "milliseconds for a batch of one, 95th percentile",
        "latency_p95_ms",
        priority=69,
        default=False,
        higher_is_better=False,
    ),
    _speed_column(
        "peak_memory",
        "memory MiB",
        "peak memory while training",
        "peak_memory_mib",
        priority=80,
        higher_is_better=False,
    ),
)
