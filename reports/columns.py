"""Columns: each declared once, for every format: its key, title, numbers, text, and which way is better."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.pareto import COSTS, costs_by_dominator, is_on_front
from reports.table import Estimate, Leaderboard, Row, unfinished_counts
from reports.text import clean
from zoo.errors import ManyErrors, UnknownNameError, UsageError
from zoo.metric import Metric
from zoo.names import near_names

NOTHING = "–"
SMALL_IMAGES_MARK = "°"
SPEED_MARK = "†"
FRONT_MARK = "*"
TIED_MARK = "≈"


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of a table."""

    key: str
    """Its name for ``--columns`` and ``--sort-by``, and in files."""
    title: str
    """Its heading, unit included."""
    about: str
    """What it says, in a line."""
    text: Callable[[Row], str]
    """A cell for people; empty or a dash where there is nothing."""
    plain: Callable[[Row], Mapping[str, Any]]
    """Cells for programs, by their keys: numbers without rounding, None where there is nothing."""
    value: Callable[[Row], float | None] | None = None
    """What rows are sorted by; None for a column that cannot be."""
    higher_is_better: bool = True
    priority: int = 50
    """The higher, the sooner it is left out where a line is too narrow; 0 is never left out."""
    numeric: bool = True
    """Whether cells are set flush right."""
    default: bool = True
    """Whether it is shown unless columns are chosen."""
    only_if_filled: bool = False
    """Whether it is left out of the default where all its cells are empty."""
    needs_equal_conditions: bool = False
    """Whether it may be compared only between rows that were measured under the same conditions."""


def number(value: float | None) -> str:
    """Format with three significant digits, and thousands apart: ``0.123``, ``45.6``, ``12,300``."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    # Rounding may add a digit: 999.6 is 1,000.
    digits = 2 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:,.{max(digits, 0)}f}"


def count(value: int | None) -> str:
    """Format a number of parameters or operations with three digits: ``0.27 M``, ``41 M``, ``1.82 G``."""
    if value is None:
        return NOTHING
    unit, size = ("G", 1e9) if value >= 999.5e6 else ("M", 1e6)
    scaled = value / size
    return f"{scaled:.3g} {unit}" if scaled < 999.5 else f"{scaled:,.0f} {unit}"


def duration(seconds: float | None) -> str:
    """Format a duration: ``4.2 s``, ``3.5 min``, ``1.2 h``."""
    if seconds is None:
        return NOTHING
    if seconds < 99.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5970 else f"{seconds / 3600:.1f} h"


def rank_text(row: Row) -> str:
    """Format a rank or a range of ranks: ``1``, ``2-4`` with a dash for ranges."""
    if row.rank_low is None:
        return NOTHING
    return str(row.rank_low) if row.rank_low == row.rank_high else f"{row.rank_low}–{row.rank_high}"


def _spread(estimate: Estimate | None, scale: float) -> str:
    if estimate is None:
        return NOTHING
    if scale == 100:
        mean, sd = f"{100 * estimate.mean:.1f}", None if estimate.sd is None else f"{100 * estimate.sd:.1f}"
    else:
        mean, sd = f"{estimate.mean:.3f}", None if estimate.sd is None else f"{estimate.sd:.3f}"
    return mean if sd is None else f"{mean} ± {sd}"


def _interval(row: Row) -> str:
    accuracy = row.metrics.get("accuracy")
    if accuracy is None or accuracy.low is None or accuracy.high is None:
        return NOTHING
    return f"[{100 * accuracy.low:.1f}, {100 * accuracy.high:.1f}]"


def _front_mark(row: Row, cost_key: str) -> str:
    return FRONT_MARK if is_on_front(row, cost_key) else ""


def _dominators(row: Row) -> str:
    """Name up to two rows that dominate this one, each with the costs on which it does."""
    if not row.dominated_by:
        return NOTHING
    found = [
        f"{dominator.name}{TIED_MARK if dominator.shares_ranks else ''} ({', '.join(cost.title for cost in costs)})"
        for dominator, costs in costs_by_dominator(row).items()
    ]
    more = [f"{len(found) - 2:,} more"] if len(found) > 2 else []
    return ", ".join([*found[:2], *more])


def _status(row: Row) -> str:
    return ", ".join(f"{number_of} {outcome}" for outcome, number_of in unfinished_counts(row.unfinished).items())


def _metric_column(
    name: str, *, title: str, about: str, unit: str, higher_is_better: bool, priority: int, default: bool = False
) -> Column:
    def plain(row: Row) -> dict[str, Any]:
        estimate = row.metrics.get(name)
        return {
            name: None if estimate is None else estimate.mean,
            f"{name}_sd": None if estimate is None else estimate.sd,
        }

    def value(row: Row) -> float | None:
        estimate = row.metrics.get(name)
        return None if estimate is None else estimate.mean

    scale = 100.0 if unit == "%" else 1.0
    return Column(
        key=name,
        title=title,
        about=about,
        text=lambda row: _spread(row.metrics.get(name), scale),
        plain=plain,
        value=value,
        higher_is_better=higher_is_better,
        priority=priority,
        default=default,
    )


def metric_columns(metrics: Iterable[tuple[str, Metric]]) -> tuple[Column, ...]:
    """Return a column for each scalar metric, given with its display name, as the catalog declares it."""
    return tuple(
        _metric_column(
            name,
            title=f"{name.replace('_', ' ')} %" if metric.unit == "%" else name.replace("_", " "),
            about=metric.summary or name,
            unit=metric.unit,
            higher_is_better=metric.higher_is_better,
            priority=45,
        )
        for name, metric in metrics
        if metric.kind == "scalar" and name not in {column.key for column in COLUMNS}
    )


def _speed_column(key: str, title: str, about: str, field: str, *, priority: int, **options: Any) -> Column:
    def value(row: Row) -> float | None:
        found: float | None = None if row.speed is None else getattr(row.speed, field)
        return found

    def text(row: Row) -> str:
        found = value(row)
        mark = SPEED_MARK if found is not None and row.speed is not None and not row.speed.comparable else ""
        return number(found) + mark + _front_mark(row, key)

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


def _size_column(key: str, title: str, about: str, read: Callable[[Row], int | None], *, priority: int) -> Column:
    return Column(
        key=key,
        title=title,
        about=about,
        text=lambda row: count(read(row)) + _front_mark(row, key),
        plain=lambda row: {key: read(row)},
        value=read,
        higher_is_better=False,
        priority=priority,
    )


def _simple(
    key: str, title: str, about: str, read: Callable[[Row], Any], show: Callable[[Any], str], **options: Any
) -> Column:
    return Column(
        key=key,
        title=title,
        about=about,
        text=lambda row: show(read(row)),
        plain=lambda row: {key: read(row)},
        value=read if options.get("numeric", True) else None,
        **options,
    )


COLUMNS: tuple[Column, ...] = (
    Column(
        key="rank",
        title="#",
        about="rank, or the range of ranks that rows share which cannot be told apart",
        text=rank_text,
        plain=lambda row: {"rank_low": row.rank_low, "rank_high": row.rank_high},
        priority=0,
    ),
    Column(
        key="model",
        title="model",
        about=f"architecture; {SMALL_IMAGES_MARK}: first strides reduced for small images",
        text=lambda row: row.model + (SMALL_IMAGES_MARK if row.small_images else ""),
        plain=lambda row: {"model": row.model, "small_images": row.small_images},
        priority=0,
        numeric=False,
    ),
    _simple("data", "data", "data set", lambda row: row.data, str, priority=95, numeric=False),
    _simple("recipe", "recipe", "training recipe", lambda row: row.recipe, str, priority=20, numeric=False),
    Column(
        key="accuracy",
        title="acc %",
        about="share of test images classified right: mean ± standard deviation over seeds",
        text=lambda row: _spread(row.metrics.get("accuracy"), 100),
        plain=lambda row: {
            f"accuracy{suffix}": getattr(row.metrics.get("accuracy"), field, None)
            for suffix, field in (("", "mean"), ("_sd", "sd"))
        },
        value=lambda row: getattr(row.metrics.get("accuracy"), "mean", None),
        priority=0,
    ),
    Column(
        key="interval",
        title="95 % interval",
        about="95 % interval of accuracy, over seeds and test images",
        text=_interval,
        plain=lambda row: {
            f"accuracy_{field}": getattr(row.metrics.get("accuracy"), field, None) for field in ("low", "high")
        },
        priority=10,
    ),
    _simple("seeds", "n", "seeds that are done", lambda row: len(row.seeds), str, priority=15),
    Column(
        key="unfinished",
        title="not done",
        about="seeds that failed, were interrupted or skipped, or are missing",
        text=_status,
        plain=lambda row: {"unfinished": _status(row)},
        value=lambda row: float(len(row.unfinished)),
        higher_is_better=False,
        priority=12,
        numeric=False,
        only_if_filled=True,
    ),
    _metric_column(
        "macro_f1",
        title="macro F1 %",
        about="mean of the classes' F1",
        unit="%",
        higher_is_better=True,
        priority=40,
        default=True,
    ),
    _size_column("params", "params", "parameters", lambda row: row.params, priority=30),
    _size_column("macs", "MACs", "multiply-accumulates of one image's forward pass", lambda row: row.macs, priority=60),
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
    _simple(
        "wall_time",
        "time/seed",
        "wall time of a trial, everything included: mean over seeds",
        lambda row: row.wall_seconds,
        duration,
        priority=70,
        higher_is_better=False,
    ),
    Column(
        key="dominated_by",
        title="dominated by",
        about="rows at least as accurate and at least as good on a cost (inference speed, params, MACs), one better",
        text=_dominators,
        plain=lambda row: {
            "dominated_by": "; ".join(dominator.name for dominator in costs_by_dominator(row)),
            **{f"on_front_{cost.key}": is_on_front(row, cost.key) for cost in COSTS},
        },
        priority=90,
        numeric=False,
        default=False,
    ),
)
"""All fixed columns, in the order in which they are shown."""

# Which metrics of the records are shares, and which are better when low, for a reader who has no catalog at hand.
_PERCENT = (
    "balanced_accuracy",
    "weighted_f1",
    "macro_precision",
    "macro_recall",
    "top3",
    "top5",
    "calibration_error",
    "binary_f1",
)
_LOWER_IS_BETTER = ("nll", "brier", "calibration_error")


def all_columns(leaderboard: Leaderboard, declared: Sequence[Column] = ()) -> tuple[Column, ...]:
    """Return the fixed columns and one for each further metric of *leaderboard*, alphabetically.

    Args:
        leaderboard: What is to be shown.
        declared: Columns of metrics as a catalog declares them (see :func:`metric_columns`). A metric that is neither
            declared nor built in is taken for a plain number of which more is better.
    """
    known = {column.key for column in COLUMNS}
    by_key = {column.key: column for column in declared}
    names = sorted({name for row in leaderboard.rows for name in row.metrics} - known)
    more = [by_key.get(name) or _undeclared(name) for name in names]
    return COLUMNS + tuple(more)


def _undeclared(name: str) -> Column:
    is_percent = name in _PERCENT
    title = clean(name.replace("_", " "))
    return _metric_column(
        name,
        title=f"{title} %" if is_percent else title,
        about=title,
        unit="%" if is_percent else "",
        higher_is_better=name not in _LOWER_IS_BETTER,
        priority=45,
    )


def choose_columns(
    leaderboard: Leaderboard, names: Sequence[str] | None = None, declared: Sequence[Column] = ()
) -> tuple[Column, ...]:
    """Return the columns called *names*, in that order, or the default ones.

    Raises:
        UnknownNameError: For a name that no column has, with near ones; several are reported together.
    """
    available = {column.key: column for column in all_columns(leaderboard, declared)}
    if names is None:
        return tuple(
            column
            for column in available.values()
            if column.default and not (column.only_if_filled and not any(map(column.text, leaderboard.rows)))
        )
    errors: list[UsageError] = [_unknown(name, available) for name in names if name not in available]
    ManyErrors.raise_if(errors)
    return tuple(dict.fromkeys(available[name] for name in names))


def find_sort_column(name: str, available: Iterable[Column]) -> Column:
    """Return the column to sort by.

    Raises:
        UnknownNameError: If there is none of that name that rows can be sorted by.
    """
    sortable = {column.key: column for column in available if column.value is not None}
    if name not in sortable:
        raise _unknown(name, sortable, kind="column to sort by")
    return sortable[name]


def _unknown(name: str, available: Mapping[str, Column], kind: str = "column") -> UnknownNameError:
    return UnknownNameError(kind, name, near=near_names(name, available), hint=f"(columns: {', '.join(available)})")


def plain_cells(row: Row, columns: Iterable[Column]) -> dict[str, Any]:
    """Return a row's cells for programs, by key."""
    cells: dict[str, Any] = {}
    for column in columns:
        cells.update(column.plain(row))
    return cells
