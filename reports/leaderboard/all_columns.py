"""Columns: all of them, and which are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from reports.leaderboard.columns.cells import (
    count,
    dominators_text,
    duration_text,
    front_mark,
    gain_text,
    interval_text,
    number,
    rank_text,
    spread_text,
    status_text,
)
from reports.leaderboard.columns.column import Column, simple_column
from reports.leaderboard.columns.further_set_columns import further_set_columns
from reports.leaderboard.columns.goal_columns import goal_columns
from reports.leaderboard.columns.metric_column import metric_column, metric_title, undeclared_column
from reports.leaderboard.columns.speed_columns import SPEED_COLUMNS
from reports.leaderboard.leaderboard import Leaderboard
from reports.leaderboard.pareto import COSTS, costs_by_dominator, is_on_front
from reports.leaderboard.published import PUBLISHED_COLUMNS
from reports.leaderboard.table import Row
from reports.trials.labels import SMALL_IMAGES
from zoo.errors import ManyErrors, UnknownNameError, UsageError
from zoo.metric import Metric
from zoo.names import near_names


def _size_column(key: str, title: str, about: str, read: Callable[[Row], int | None], *, priority: int) -> Column:
    return Column(
        key=key,
        title=title,
        about=about,
        text=lambda row: count(read(row)) + front_mark(row, key),
        plain=lambda row: {key: read(row)},
        value=read,
        higher_is_better=False,
        priority=priority,
        is_exact=True,
    )


COLUMNS: tuple[Column, ...] = (
    Column(
        key="rank",
        title="#",
        about="rank; a range where paired tests cannot separate rows",
        text=rank_text,
        plain=lambda row: {"rank_low": row.rank_low, "rank_high": row.rank_high, "tie": row.tie},
        priority=0,
    ),
    Column(
        key="model",
        title="model",
        about=f"architecture; {SMALL_IMAGES}: early strides reduced for small images",
        text=lambda row: row.model,
        plain=lambda row: {"model": row.model, "small_images": row.small_images},
        priority=0,
        numeric=False,
    ),
    simple_column("data", "dataset", "dataset", lambda row: row.data, str, priority=95, numeric=False, default=False),
    simple_column(
        "runtime",
        "runtime",
        "what runs the trained weights: torch (eager or compile) or ONNX Runtime (onnx, or int8 after quantisation)",
        lambda row: row.runtime,
        str,
        priority=5,
        numeric=False,
        only_if_filled=True,
    ),
    simple_column(
        "origin",
        "origin",
        "where the row comes from, if it was not trained here: evaluated, predictions only or ensemble",
        lambda row: row.origin.word if row.origin else "",
        str,
        priority=5,
        numeric=False,
        only_if_filled=True,
    ),
    Column(
        key="gain",
        title="tuning gain",
        about="accuracy of a tuned row less that of the recipe's own settings in points, with its 95 % interval",
        text=gain_text,
        plain=lambda row: (
            {
                f"tuning_{name}": getattr(row.tuned, name, None)
                for name in ("gain", "gain_low", "gain_high", "trials", "seconds", "repeats")
            }
            | {"tuned_settings": "; ".join(row.tuned.settings) if row.tuned else None}
        ),
        value=lambda row: row.tuned.gain if row.tuned else None,
        priority=25,
        only_if_filled=True,
    ),
    simple_column("recipe", "recipe", "training recipe", lambda row: row.recipe, str, priority=20, numeric=False),
    Column(
        key="accuracy",
        title="acc %",
        about="top-1 accuracy on the test set: mean ± standard deviation over seeds",
        text=lambda row: spread_text(row.metrics.get("accuracy"), 100),
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
        about="95 % interval of the expected accuracy, from variation over seeds and test images",
        text=interval_text,
        plain=lambda row: (
            {f"accuracy_{field}": getattr(row.metrics.get("accuracy"), field, None) for field in ("low", "high")}
            | {"interval_covers": ", ".join(row.covers) or None}
        ),
        priority=10,
    ),
    *PUBLISHED_COLUMNS,
    Column(
        key="seen",
        title="seen?",
        about="whether published weights were trained on the test images or the collection that they come from: "
        "yes, no or unknown; empty for networks trained from scratch",
        text=lambda row: row.seen.value if row.seen else "",
        plain=lambda row: {"seen": row.seen.value if row.seen else None},
        priority=18,
        numeric=False,
        only_if_filled=True,
    ),
    simple_column(
        "seeds", "n", "number of finished seeds", lambda row: len(row.seeds), str, priority=15, is_exact=True
    ),
    Column(
        key="unfinished",
        title="unfinished",
        about="seeds that failed, were interrupted or skipped, or have no record",
        text=status_text,
        plain=lambda row: {"unfinished": status_text(row)},
        value=lambda row: float(len(row.unfinished)),
        higher_is_better=False,
        priority=12,
        numeric=False,
        only_if_filled=True,
        is_exact=True,
    ),
    metric_column(
        "macro_f1",
        title="macro F1 %",
        about="macro-averaged F1: mean of the F1 scores of all classes",
        unit="%",
        higher_is_better=True,
        priority=40,
        default=True,
    ),
    _size_column("params", "params", "number of parameters", lambda row: row.params, priority=30),
    _size_column("macs", "MACs", "multiply-accumulates per image (forward pass)", lambda row: row.macs, priority=60),
    *SPEED_COLUMNS,
    Column(
        key="file_mib",
        title="file MiB",
        about="size of the file that the runtime loads, or of the torch weights",
        text=lambda row: "" if row.file_bytes is None else number(row.file_bytes / 2**20),
        plain=lambda row: {"file_mib": None if row.file_bytes is None else row.file_bytes / 2**20},
        value=lambda row: None if row.file_bytes is None else row.file_bytes / 2**20,
        higher_is_better=False,
        is_exact=True,
        priority=52,
        only_if_filled=True,
    ),
    Column(
        key="conversion_time",
        title="conversion",
        about="time to export, quantise or compile the model for its runtime: median over seeds",
        text=lambda row: "" if row.conversion_seconds is None else duration_text(row.conversion_seconds),
        plain=lambda row: {"conversion_time": row.conversion_seconds},
        value=lambda row: row.conversion_seconds,
        higher_is_better=False,
        priority=88,
        only_if_filled=True,
    ),
    simple_column(
        "wall_time",
        "time/seed",
        "wall-clock time of a trial, everything included: mean over seeds",
        lambda row: row.wall_seconds,
        duration_text,
        priority=70,
        higher_is_better=False,
    ),
    Column(
        key="dominated_by",
        title="dominated by",
        about="rows at least as good in both accuracy and a cost (inference speed, params, MACs), and better in one",
        text=dominators_text,
        plain=lambda row: {
            "dominated_by": "; ".join(dominator.name for dominator in costs_by_dominator(row)),
            **{f"on_front_{cost.key}": is_on_front(row, cost.key) for cost in COSTS},
            **{f"front_chance_{cost.key}": row.front_chances.get(cost.key) for cost in COSTS},
        },
        priority=90,
        numeric=False,
        default=False,
    ),
)
"""All fixed columns, in display order."""


_OF_RUNTIMES = frozenset({"latency_p50", "latency_p95"})
"""Columns that are shown by default where runtimes are compared."""


_NOT_OF_CATALOG = frozenset(column.key for column in COLUMNS) - {"macro_f1"}


def metric_columns(metrics: Iterable[tuple[str, Metric]]) -> tuple[Column, ...]:
    """Return a column for each scalar metric of a catalog except accuracy, given by display name."""
    return tuple(
        metric_column(
            name,
            title=metric_title(name, metric.unit),
            about=metric.summary or name,
            unit=metric.unit,
            higher_is_better=metric.higher_is_better,
            priority=45,
            metric=metric,
        )
        for name, metric in metrics
        if metric.kind == "scalar" and name not in _NOT_OF_CATALOG
    )


def all_columns(leaderboard: Leaderboard, declared: Sequence[Column] = ()) -> tuple[Column, ...]:
    """Return the fixed columns, those of a goal and of further test sets, then one for each other metric.

    Args:
        leaderboard: The leaderboard to show.
        declared: Columns of metrics as a catalog declares them (see :func:`metric_columns`). A metric that is neither
            declared nor built in is treated as a plain number, higher being better.
    """
    known = {column.key for column in COLUMNS}
    by_key = {column.key: column for column in declared}
    names = sorted({name for row in leaderboard.rows for name in row.metrics} - known)
    more = [by_key.get(name) or undeclared_column(name) for name in names]
    # The catalog knows how to test a metric that has a fixed column.
    fixed = (replace(each, metric=by_key[each.key].metric) if each.key in by_key else each for each in COLUMNS)
    return (*fixed, *goal_columns(leaderboard.rows), *further_set_columns(leaderboard.rows), *more)


def choose_columns(
    leaderboard: Leaderboard, names: Sequence[str] | None = None, declared: Sequence[Column] = ()
) -> tuple[Column, ...]:
    """Return the columns called *names*, in that order, or the default columns.

    Raises:
        UnknownNameError: If no column has one of the names; several mistakes are reported together.
    """
    available = {column.key: column for column in all_columns(leaderboard, declared)}
    if names is None:
        has_runtimes = any(row.runtime for row in leaderboard.rows)
        return tuple(
            column
            for column in available.values()
            if (column.default or column.key == leaderboard.sort_by or (has_runtimes and column.key in _OF_RUNTIMES))
            and not (column.only_if_filled and not any(map(column.text, leaderboard.rows)))
            and not _is_of_networks(column, leaderboard.rows)
        )
    errors: list[UsageError] = [_unknown(name, available) for name in names if name not in available]
    ManyErrors.raise_if(errors)
    return tuple(dict.fromkeys(available[name] for name in names))


def _is_of_networks(column: Column, rows: Sequence[Row]) -> bool:
    """Tell whether a column is empty because no row has a network, so that there was nothing to measure."""
    if column.value is None or not rows or any(row.origin is None or row.origin.has_network for row in rows):
        return False
    return all(column.value(row) is None for row in rows)


def find_sort_column(name: str, available: Iterable[Column]) -> Column:
    """Return the column to sort by.

    Raises:
        UnknownNameError: If no sortable column has that name.
    """
    sortable = {column.key: column for column in available if column.value is not None}
    if name not in sortable:
        raise _unknown(name, sortable, kind="column to sort by")
    return sortable[name]


def _unknown(name: str, available: Mapping[str, Column], kind: str = "column") -> UnknownNameError:
    return UnknownNameError(kind, name, near=near_names(name, available), hint=f"(columns: {', '.join(available)})")
