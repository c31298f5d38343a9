"""Leaderboards to render: a small one, one with odd names, and empty ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reports.leaderboard.leaderboard import Leaderboard
from reports.leaderboard.table import Estimate, Row, Speed, Table, Unfinished

ODD_NAMES = (
    "[b]net[/b]",
    'a|b, "c"; <i>d</i> & e',
    "=SUM(A1:A9)",
    "100 %_{$x^2$}#~\\",
    "{0} %s {name}",
    "Käse 猫 \U0001f408",
    "n" * 200,
)
"""Names with a meaning in markup, spreadsheets or format strings, or that are hard to align."""


def small_leaderboard() -> Leaderboard:
    """Return two tables with ranked rows, a row without a result, and a row with every field filled in."""
    rows = [_row("resnet18", 1, 2), _row("vgg11", 1, 2), _row("linear", 3, 3), _unfinished_row("broken")]
    return _leaderboard([_table("digits", rows), _table("folder:photos", rows[:1], notes=("One note.",))])


def odd_leaderboard() -> Leaderboard:
    """Return a table in which models, recipes, the dataset and reasons have odd names."""
    rows = [
        _row(name, number, number, recipe=name, runtime=name if number % 2 else "")
        for number, name in enumerate(ODD_NAMES, 1)
    ]
    return _leaderboard([_table(name, [*rows, _unfinished_row(name)], notes=(name,)) for name in ODD_NAMES])


def empty_leaderboards() -> dict[str, Leaderboard]:
    """Return leaderboards in which something is missing, each under a name that says what."""
    bare = _row("resnet18", None, None, metrics={}, params=None, macs=None, speed=None, wall_seconds=None)
    return {
        "without tables": _leaderboard([]),
        "with a table without rows": _leaderboard([_table("digits", [])]),
        "without results": _leaderboard([_table("digits", [_unfinished_row("broken")], fingerprint="", num_test=None)]),
        "without metrics and speeds": _leaderboard([_table("digits", [bare])]),
    }


def _leaderboard(tables: Sequence[Table]) -> Leaderboard:
    return Leaderboard(tables=tuple(tables), sort_by="accuracy", notes=("A note on all tables.",) if tables else ())


def _table(data: str, rows: Sequence[Row], **fields: Any) -> Table:
    known: dict[str, Any] = {"fingerprint": "0" * 64, "num_test": 100, "num_classes": 10, "notes": ()}
    return Table(**{"data": data, "rows": tuple(rows), **known, **fields})


def _row(model: str, low: int | None, high: int | None, **fields: Any) -> Row:
    known: dict[str, Any] = {
        "data": "digits",
        "recipe": "sgd_step",
        "seeds": (0, 1),
        "unfinished": (),
        "metrics": {
            "accuracy": Estimate(mean=0.9123, sd=0.01, n=2, low=0.88, high=0.94),
            "nll": Estimate(mean=0.31, sd=None, n=1),
        },
        "params": 11_181_642,
        "macs": 1_824_033_792,
        "speed": _speed(),
        "wall_seconds": 93.4,
        "small_images": False,
        "trials": ("t1", "t2"),
        "combination": "c0ffee",
    }
    return Row(**{"model": model, "rank_low": low, "rank_high": high, **known, **fields})


def _unfinished_row(model: str) -> Row:
    failed = Unfinished(seed=0, outcome="failed", reason="diverged: the loss of epoch 2 is not finite")
    return _row(
        model,
        None,
        None,
        seeds=(),
        unfinished=(failed,),
        metrics={},
        params=None,
        macs=None,
        speed=None,
        wall_seconds=None,
        trials=(),
    )


def _speed() -> Speed:
    return Speed(
        measurement_key="m",
        train=900.0,
        train_compute=1000.0,
        inference=3000.0,
        inference_end_to_end=None,
        latency_p50_ms=2.5,
        latency_p95_ms=3.1,
        peak_memory_mib=None,
        intervals={"train": (890.0, 910.0)},
    )
