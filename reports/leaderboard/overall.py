"""The overall table: rows compared over several datasets.

A cell is a row on a dataset. Rows with a value on every dataset are ranked on each by that value (equal rows share the
mean of their ranks), and the ranks are averaged (Demšar, "Statistical comparisons of classifiers over multiple
datasets", JMLR 2006). A row with a missing cell is listed separately: nothing is imputed, and no dataset is dropped.

The interval of a mean rank is a bootstrap over datasets. It is about other datasets like these, and these rows as they
were trained; each dataset includes its own noise of seeds and test images. Quantiles are widened by Student's t and
``n / (n - 1)`` (Hesterberg, "What teachers should know about the bootstrap", The American Statistician 2015), because
plain ones are too narrow for few datasets. In simulations of 5 and 12 rows whose order varies much between datasets, it
covers 93 to 95 % with six to twenty datasets, and plain quantiles 86 to 94 %; if the order hardly varies, 83 to 91 %
with six and 94 % from twenty on. There is no interval below six datasets: all of five values lie on one side of their
expectation in 1 of 16 cases, so even their whole range would not be a 95 % interval. Nor is there one for a row with
the same rank everywhere, whose variation is unknown.

A mean rank depends on which other rows take part. So all pairs are also compared by themselves, with Wilcoxon's
signed-rank test and Holm's method (:mod:`reports.statistics.signed_rank`), from which a range of ranks follows, and the
improvability of a row has a size: the share of its error by which the best rows err less.

Shape suffixes: D datasets, M rows, R resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reports.leaderboard.columns.column import Column, RankBasis
from reports.leaderboard.table import Row, Table
from reports.statistics import student_t
from reports.statistics.bayesian_signed_rank import EquivalenceChances, equivalence_chances
from reports.statistics.multiplicity import CONFIDENCE
from reports.statistics.ranks import rank_ranges
from reports.statistics.signed_rank import datasets_needed, separated_over_data
from reports.trials.labels import Labels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_DATASETS = 6
"""Number of datasets that an interval needs."""
NUM_RESAMPLES = 10_000

_BLOCK = 500  # rows processed at once, so that their resamples fit in memory


@dataclass(frozen=True, kw_only=True, slots=True)
class OverallRow:
    """A row that has a value on every dataset."""

    model: str
    recipe: str
    combination: str
    """:attr:`Row.combination` of its rows."""
    ranks: tuple[float, ...]
    """Rank among these rows on each dataset; may end in .5 where rows are equal."""
    mean_rank: float
    low: float | None
    """Lower end of the 95 % interval of the mean rank; None with too few datasets or equal ranks throughout."""
    high: float | None
    win_rate: float
    """Share of comparisons with the other rows, on all datasets, that it wins; a draw counts half."""
    sure_win_rate: float | None
    """Share of comparisons in which its range of ranks lies above without overlap; None if ranks are untested."""
    rank_low: int | None = None
    """Best possible rank over datasets like these, from signed-rank tests of all pairs; None with too few datasets."""
    rank_high: int | None = None
    """Worst possible rank."""
    chances: EquivalenceChances | None = None
    """How likely it is better than the first row over datasets like these, practically the same, or worse; None for the
    first row, and if no region of practical equivalence was asked for."""
    improvability: float | None = None
    """Mean share of its error by which the best row of each dataset errs less, in [0, 1]; None if the column is no
    error or share of correct answers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IncompleteRow:
    """A row that lacks a value on some dataset."""

    model: str
    recipe: str
    combination: str
    missing: tuple[str, ...]
    """Datasets without a value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Overall:
    """Rows compared over several datasets."""

    data: tuple[str, ...]
    """The datasets, at least two."""
    rows: tuple[OverallRow, ...]
    """Rows, at least two, with a value on each dataset, lowest mean rank first."""
    incomplete: tuple[IncompleteRow, ...]
    num_missing: int
    """Number of cells without a value, out of ``len(data) * (len(rows) + len(incomplete))``."""
    left_out: tuple[str, ...]
    """Datasets on which no row has a value."""
    rope: float | None = None
    """Region of practical equivalence: differences of at most this size count as none. In points for percentages, else
    in the unit of the values."""


def build_overall(
    tables: Sequence[Table], column: Column, labels: Mapping[str, Labels], *, rope: float | None = None
) -> Overall | None:
    """Compare rows over *tables*; None if fewer than two datasets or two rows can be compared.

    Args:
        tables: Tables ranked by *column*.
        column: Column whose values are compared.
        labels: Labels of rows, by :attr:`Row.combination`.
        rope: Region of practical equivalence (:attr:`Overall.rope`).
    """
    cells: list[dict[str, tuple[Row, float]]] = []
    data, left_out = [], []
    for table, name in zip(tables, _data_names(tables), strict=True):
        valued: dict[str, tuple[Row, float]] = {}
        for row in table.rows:
            value = value_of(row, column)
            if value is not None:
                valued.setdefault(row.combination, (row, value))
        if valued:
            cells.append(valued)
            data.append(name)
        else:
            left_out.append(name)
    everywhere = [name for name in labels if all(name in valued for valued in cells)]
    if len(data) < 2 or len(everywhere) < 2:
        return None
    incomplete = tuple(
        IncompleteRow(
            model=labels[name].model,
            recipe=labels[name].recipe,
            combination=name,
            missing=tuple(where for where, valued in zip(data, cells, strict=True) if name not in valued),
        )
        for name in sorted(labels, key=lambda name: (labels[name].model, labels[name].recipe, name))
        if name not in set(everywhere)
    )
    return Overall(
        data=tuple(data),
        rows=_with_chances(_ranked(everywhere, cells, column, labels), cells, column, rope),
        incomplete=incomplete,
        num_missing=sum(len(row.missing) for row in incomplete),
        left_out=tuple(left_out),
        rope=rope,
    )


def overall_plain(overall: Overall | None) -> dict[str, dict[str, float | int | None]] | None:
    """Return the numbers of each combination, by :attr:`Row.combination`, for files with one line per row."""
    if overall is None:
        return None
    found: dict[str, dict[str, float | int | None]] = {
        row.combination: {
            "overall_mean_rank": row.mean_rank,
            "overall_mean_rank_low": row.low,
            "overall_mean_rank_high": row.high,
            "overall_win_rate": row.win_rate,
            "overall_sure_win_rate": row.sure_win_rate,
            "overall_rank_low": row.rank_low,
            "overall_rank_high": row.rank_high,
            "overall_improvability": row.improvability,
            **{
                f"overall_chance_{name}": getattr(row.chances, name, None)
                for name in ("better", "same", "worse")
                if overall.rope is not None
            },
            "overall_missing_cells": 0,
        }
        for row in overall.rows
    }
    nothing = dict.fromkeys(next(iter(found.values())))
    for incomplete in overall.incomplete:
        found[incomplete.combination] = {**nothing, "overall_missing_cells": len(incomplete.missing)}
    return found


def _ranked(
    names: Sequence[str],
    cells: Sequence[Mapping[str, tuple[Row, float]]],
    column: Column,
    labels: Mapping[str, Labels],
) -> tuple[OverallRow, ...]:
    import numpy as np

    sign = -1 if column.higher_is_better else 1
    values_DM = np.array([[sign * valued[name][1] for name in names] for valued in cells])
    ranks_DM = np.stack([_mean_ranks(values_M) for values_M in values_DM])
    intervals = _intervals(ranks_DM)
    is_enough = len(cells) >= datasets_needed(len(names))
    ranges = rank_ranges(separated_over_data(-values_DM)) if is_enough else [(None, None)] * len(names)
    improvable = _improvability(values_DM, column)
    is_tested = column.basis is RankBasis.TESTED
    sure = _sure_wins([[valued[name][0] for name in names] for valued in cells]) if is_tested else None
    others = len(names) - 1
    rows = [
        OverallRow(
            model=labels[name].model,
            recipe=labels[name].recipe,
            combination=name,
            ranks=tuple(map(float, ranks_DM[:, place])),
            mean_rank=float(ranks_DM[:, place].mean()),
            low=intervals[place][0],
            high=intervals[place][1],
            win_rate=float((len(names) - ranks_DM[:, place]).mean() / others),
            sure_win_rate=None if sure is None else sure[place] / (others * len(cells)),
            rank_low=ranges[place][0],
            rank_high=ranges[place][1],
            improvability=None if improvable is None else float(improvable[place]),
        )
        for place, name in enumerate(names)
    ]
    return tuple(sorted(rows, key=lambda row: (row.mean_rank, row.model, row.recipe, row.combination)))


def _with_chances(
    rows: tuple[OverallRow, ...], cells: Sequence[Mapping[str, tuple[Row, float]]], column: Column, rope: float | None
) -> tuple[OverallRow, ...]:
    """Compare each row with the first one by the Bayesian signed-rank test."""
    import numpy as np

    if rope is None:
        return rows
    is_share = column.key == "accuracy" or (column.metric is not None and column.metric.unit == "%")
    sign = 1 if column.higher_is_better else -1
    first_D, *others = (
        np.array([sign * valued[row.combination][1] for valued in cells]) * (100 if is_share else 1) for row in rows
    )
    found = [equivalence_chances(values_D - first_D, rope) for values_D in others]
    return (rows[0], *(replace(row, chances=chances) for row, chances in zip(rows[1:], found, strict=True)))


def _improvability(values_DM: NDArray[np.float64], column: Column) -> NDArray[np.float64] | None:
    """Return ``[M]``: by what share of its error the best row of each dataset errs less, averaged over datasets.

    Unlike a rank, it does not depend on rows that are worse than the best (Erickson et al., "TabArena: a living
    benchmark for machine learning on tabular data", NeurIPS 2025).
    """
    import numpy as np

    metric = column.metric
    bounds = (0.0, 1.0) if column.key == "accuracy" else None if metric is None else metric.bounds
    if bounds is None:
        return None
    # Lower is better in values; the best possible value is an error of 0.
    errors_DM = values_DM + bounds[1] if column.higher_is_better else values_DM - bounds[0]
    if not np.isfinite(errors_DM).all() or (errors_DM < 0).any():
        return None
    gains_DM = errors_DM - errors_DM.min(axis=1, keepdims=True)
    shares_DM = np.divide(gains_DM, errors_DM, out=np.zeros_like(gains_DM), where=errors_DM > 0)
    found_M: NDArray[np.float64] = shares_DM.mean(axis=0)
    return found_M


def _mean_ranks(values_M: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks from 1, lowest value first; equal values share the mean of their ranks."""
    ordered = values_M.copy()
    ordered.sort()
    first, last = ordered.searchsorted(values_M, "left") + 1, ordered.searchsorted(values_M, "right")
    ranks: NDArray[np.float64] = (first + last) / 2
    return ranks


def _intervals(ranks_DM: NDArray[np.float64]) -> list[tuple[float | None, float | None]]:
    """Return the 95 % interval of the mean rank of each row; the same ranks give the same interval."""
    import numpy as np
    from scipy.special import ndtr

    num_data, num_rows = ranks_DM.shape
    if num_data < MIN_DATASETS:
        return [(None, None)] * num_rows
    tail = float(ndtr((num_data / (num_data - 1)) ** 0.5 * student_t.quantile(num_data - 1, (1 - CONFIDENCE) / 2)))
    rng = np.random.default_rng(0)
    weights_RD = rng.multinomial(num_data, np.full(num_data, 1 / num_data), size=NUM_RESAMPLES)
    found: list[tuple[float | None, float | None]] = []
    for start in range(0, num_rows, _BLOCK):
        block = ranks_DM[:, start : start + _BLOCK]
        lows, highs = np.quantile(weights_RD @ block, [tail, 1 - tail], axis=0) / num_data  # sums of halves are exact
        varies = block.min(axis=0) < block.max(axis=0)
        found += [
            (float(low), float(high)) if is_known else (None, None)
            for low, high, is_known in zip(lows, highs, varies, strict=True)
        ]
    return found


def _sure_wins(rows_of: Sequence[Sequence[Row]]) -> list[int]:
    """Count for each row, over all datasets, the rows whose range of ranks lies below its own."""
    from bisect import bisect_right

    wins = [0] * len(rows_of[0])
    for rows in rows_of:
        best_ranks = sorted(row.rank_low for row in rows if row.rank_low is not None)
        for place, row in enumerate(rows):
            if row.rank_high is not None:
                wins[place] += len(best_ranks) - bisect_right(best_ranks, row.rank_high)
    return wins


def value_of(row: Row, column: Column) -> float | None:
    """Return the value that a row is compared by over datasets; None if it has none that is comparable."""
    assert column.value is not None, "a sort column has values"
    if not row.seeds or (column.needs_equal_conditions and row.speed is not None and not row.speed.comparable):
        return None
    return column.value(row)


def _data_names(tables: Sequence[Table]) -> list[str]:
    """Return the name of the dataset of each table, with the content of the images where a name occurs twice."""
    names = [table.data for table in tables]
    return [
        f"{table.data} (images {table.fingerprint[:12] or 'unknown'})" if names.count(table.data) > 1 else table.data
        for table in tables
    ]
