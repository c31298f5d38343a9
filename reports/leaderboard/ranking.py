"""Ranking: how far the evidence of rows separates them, and their order."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from reports.leaderboard.columns.column import Column, RankBasis
from reports.leaderboard.ranking_evidence import RankingEvidence, most_common_images
from reports.leaderboard.remarks.notes import names_text
from reports.leaderboard.separations import tied_runs
from reports.leaderboard.table import Row, Table, row_names
from reports.statistics.lowest import separated_by_lowest
from reports.statistics.multiplicity import alpha_of_look
from reports.statistics.ranks import rank_ranges, separated, tie_numbers


def rank_table(table: Table, evidence: Sequence[RankingEvidence], column: Column) -> Table:
    """Return *table* with its rows ranked by *column* and put in order.

    Rows are ordered by mean, which agrees with all separations, and by name last. Rows with a value that cannot be
    ranked come next, rows without a value last. Values measured under different conditions come after all others.

    Args:
        table: The table.
        evidence: The evidence of each row about the column, if its ranks are tested.
        column: A column with values.
    """
    read = column.value
    assert read is not None, "a sort column has values"
    notes = list(table.notes)
    rows: list[Row] = []
    above = np.zeros((0, 0), dtype=bool)
    if column.basis is RankBasis.TESTED:
        rows, above, more = _ranked_by_tests(table.rows, evidence, alpha=alpha_of_look(table.looks))
        notes += more
    elif column.basis is RankBasis.EXACT:
        rows = _ranked_by_value(
            [row for row in table.rows if row.seeds], read, higher_is_better=column.higher_is_better
        )
        above = _above(rows)
    sign = -1 if column.higher_is_better else 1

    def place(row: Row) -> tuple[bool, bool, float, tuple[str, str, str, str]]:
        value = read(row) if row.seeds else None
        is_elsewhere = column.needs_equal_conditions and row.speed is not None and not row.speed.comparable
        return (value is None, is_elsewhere, 0.0 if value is None else sign * value, _by_name(row))

    order = sorted(range(len(rows)), key=lambda index: place(rows[index]))
    rows = [rows[index] for index in order]
    ranked = {(row.trials, _by_name(row)) for row in rows}
    below = sorted((row for row in table.rows if (row.trials, _by_name(row)) not in ranked), key=place)
    return replace(table, rows=(*_with_ties(rows), *below), tied=tied_runs(above, order), notes=tuple(notes))


def _above(rows: Sequence[Row]) -> NDArray[np.bool_]:
    """Return which row is above which by its range of ranks, which for values without noise says all."""
    lows, highs = (np.array([getattr(row, end) for row in rows], dtype=np.intp) for end in ("rank_low", "rank_high"))
    above: NDArray[np.bool_] = highs[:, None] < lows
    return above


def _with_ties(rows: Sequence[Row]) -> list[Row]:
    """Number the ties of ranked rows in order; ties are shaded, of two in succession only the first."""
    numbers = tie_numbers([(row.rank_low or 0, row.rank_high or 0) for row in rows])
    sizes = Counter(numbers)
    shaded: dict[int, bool] = {}
    for tie in sizes:
        shaded[tie] = sizes[tie] > 1 and not shaded.get(tie - 1, False)
    return [replace(row, tie=tie, is_shaded=shaded[tie]) for row, tie in zip(rows, numbers, strict=True)]


def _ranked_by_tests(
    rows: Sequence[Row], evidence: Sequence[RankingEvidence], *, alpha: float
) -> tuple[list[Row], NDArray[np.bool_], list[str]]:
    """Rank rows as far as paired tests separate them; rows that cannot be tested get a note instead of a rank.

    Returns:
        The ranked rows, which of them is above which, and the notes.
    """
    common = most_common_images(basis.images for basis in evidence if basis.sample is not None)
    tested: list[tuple[Row, RankingEvidence]] = []
    problems: dict[str, list[str]] = {}
    for row, name, basis in zip(rows, row_names(rows), evidence, strict=True):
        if not row.seeds:
            continue
        if basis.sample is not None and basis.images == common:
            tested.append((row, basis))
        elif basis.sample is not None:
            problems.setdefault("no rank: tested on different images from most rows", []).append(name)
        else:
            lacks = "no rank" if basis.has_interval else "no interval and no rank"
            problems.setdefault(f"{lacks}: {basis.problem}", []).append(name)
    above = _separated([basis for _, basis in tested], alpha=alpha)
    ranked = [
        replace(row, rank_low=low, rank_high=high)
        for (row, _), (low, high) in zip(tested, rank_ranges(above), strict=True)
    ]
    return ranked, above, [f"{problem} ({names_text(names)})" for problem, names in problems.items()]


def _separated(evidence: Sequence[RankingEvidence], *, alpha: float) -> NDArray[np.bool_]:
    if any(basis.slices for basis in evidence):
        return separated_by_lowest([basis.slices for basis in evidence], alpha=alpha)
    return separated([basis.sample for basis in evidence if basis.sample is not None], alpha=alpha)


def _ranked_by_value(rows: Sequence[Row], read: Callable[[Row], float | None], *, higher_is_better: bool) -> list[Row]:
    """Rank rows by the order of their values; equal values share a range, and rows without a value have no rank."""
    valued = [(row, value) for row, value in zip(rows, map(read, rows), strict=True) if value is not None]
    valued.sort(key=lambda pair: -pair[1] if higher_is_better else pair[1])
    ranked = []
    for _, equals in itertools.groupby(enumerate(valued, start=1), key=lambda numbered: numbered[1][1]):
        tied = list(equals)
        ranked += [replace(row, rank_low=tied[0][0], rank_high=tied[-1][0]) for _, (row, _) in tied]
    return ranked


def _by_name(row: Row) -> tuple[str, str, str, str]:
    return (row.model, row.recipe, row.data, row.runtime)
