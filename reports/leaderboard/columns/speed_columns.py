"""Columns of speed and memory, comparable only between rows that were measured under the same conditions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reports.leaderboard.columns.cells import LOADED_MARK, LOADER_MARK, NOTHING, SPEED_MARK, front_mark, number
from reports.leaderboard.columns.column import Column
from reports.leaderboard.table import Row


def _speed_column(key: str, title: str, about: str, field: str, *, priority: int, **options: Any) -> Column:
    def value(row: Row) -> float | None:
        found: float | None = None if row.speed is None else getattr(row.speed, field)
        return found

    def text(row: Row) -> str:
        found = value(row)
        if found is None or row.speed is None:
            return NOTHING
        marks = [
            "" if row.speed.comparable else SPEED_MARK,
            # Load costs time, not memory; and only end-to-end training waits for data.
            LOADED_MARK if row.speed.is_loaded and field != "peak_memory_mib" else "",
            LOADER_MARK if row.speed.is_loader_bound and field == "train" else "",
            front_mark(row, key),
        ]
        return number(found) + "".join(marks)

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


def _rate_column(key: str, title: str, about: str, field: str, *, priority: int, **options: Any) -> Column:
    """Return a column of images per second; its spread and its machine-readable cells are the interval of the windows.

    The interval is that of the middle 95 % of the windows, from the slowest seed to the fastest.
    """
    column = _speed_column(key, title, about, field, priority=priority, **options)

    def plain(row: Row) -> dict[str, Any]:
        low, high = row.speed.intervals.get(field, (None, None)) if row.speed else (None, None)
        return {**column.plain(row), f"{key}_low": low, f"{key}_high": high}

    def spread(row: Row) -> str:
        if row.speed is None or field not in row.speed.intervals:
            return ""
        low, high = row.speed.intervals[field]
        return f"[{number(low)}, {number(high)}]"

    return replace(column, plain=plain, spread=spread)


def _best_column() -> Column:
    """Return the column of inference with the fastest settings found, which names them."""
    column = _rate_column(
        "best_inference_speed",
        "best infer img/s",
        "inference throughput with the batch size, precision and memory format that are fastest (--best-inference)",
        "best_inference",
        priority=51,
        only_if_filled=True,
    )

    def text(row: Row) -> str:
        if row.speed is None or row.speed.best_inference is None:
            return ""
        return f"{column.text(row)} ({row.speed.best_settings})"

    def plain(row: Row) -> dict[str, Any]:
        speed = row.speed
        return {
            **column.plain(row),
            "best_inference_settings": (speed.best_settings or None) if speed else None,
            "best_inference_agreement": speed.best_agreement if speed else None,
        }

    return replace(column, text=text, plain=plain)


def _relative(row: Row) -> float | None:
    return row.speed.relative if row.speed else None


SPEED_COLUMNS: tuple[Column, ...] = (
    _rate_column("train_speed", "train img/s", "training throughput, data loading included", "train", priority=55),
    _rate_column(
        "train_compute_speed",
        "train img/s, compute",
        "training throughput on a batch already on the device",
        "train_compute",
        priority=66,
        default=False,
    ),
    _rate_column(
        "inference_speed",
        "infer img/s",
        "inference throughput on a batch already on the device",
        "inference",
        priority=50,
    ),
    _best_column(),
    _rate_column(
        "inference_end_to_end_speed",
        "infer img/s, end to end",
        "inference throughput over the test set, data loading included",
        "inference_end_to_end",
        priority=67,
        default=False,
    ),
    _rate_column(
        "decode_speed",
        "decode img/s",
        "test images that one thread of the CPU decodes from their files to what the network sees",
        "decode",
        priority=71,
        default=False,
    ),
    Column(
        key="relative_speed",
        title="rel. speed",
        about="inference throughput relative to a reference network measured just before and after on the same device",
        text=lambda row: "" if _relative(row) is None else number(_relative(row)),
        plain=lambda row: {"relative_speed": _relative(row)},
        value=_relative,
        priority=58,
        only_if_filled=True,
    ),
    _speed_column(
        "latency_p50",
        "latency p50 ms",
        "median latency at batch size 1, in milliseconds",
        "latency_p50_ms",
        priority=68,
        default=False,
        higher_is_better=False,
    ),
    _speed_column(
        "latency_p95",
        "latency p95 ms",
        "95th percentile of the latency at batch size 1, in milliseconds",
        "latency_p95_ms",
        priority=69,
        default=False,
        higher_is_better=False,
    ),
    _speed_column(
        "peak_memory",
        "memory MiB",
        "peak memory during training",
        "peak_memory_mib",
        priority=80,
        higher_is_better=False,
    ),
    Column(
        key="conditions",
        title="conditions",
        about="short key of the measurement conditions, runtime included",
        text=lambda row: row.speed.measurement_key[:8] if row.speed else NOTHING,
        plain=lambda row: {
            "measurement_key": row.speed.measurement_key[:12] if row.speed else None,
            "comparable_speed": row.speed.comparable if row.speed else None,
            "loader_bound": row.speed.is_loader_bound if row.speed else None,
            "foreign_cores": row.speed.foreign_cores if row.speed else None,
        },
        priority=92,
        numeric=False,
        default=False,
    ),
)
