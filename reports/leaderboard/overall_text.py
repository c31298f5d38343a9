"""The overall table as cells and sentences, the same in every format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.leaderboard.columns.cells import NOTHING, number
from reports.leaderboard.leaderboard import Leaderboard
from reports.leaderboard.overall import MIN_DATASETS, IncompleteRow, Overall, OverallRow
from reports.statistics.signed_rank import datasets_needed

_MOST_NAMED = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class OverallColumn:
    """One column of text."""

    title: str
    cells: Sequence[str]
    numeric: bool = True
    """Whether cells are aligned to the right."""
    priority: int = 0
    """Columns with a high priority number are left out first where the line is too narrow; 0 is always shown."""


def overall_heading(overall: Overall) -> str:
    """Return the title of the table."""
    return f"overall · {len(overall.rows):,} rows on {len(overall.data):,} datasets"


def overall_absence(leaderboard: Leaderboard) -> str:
    """Return why a leaderboard has no overall table."""
    tables = [table for table in leaderboard.tables if any(row.seeds for row in table.rows)]
    if len(tables) < 2:
        return f"no overall table: it needs results on at least two datasets, and there are some on {len(tables)}"
    everywhere = set.intersection(*({row.combination for row in table.rows if row.seeds} for table in tables))
    return (
        f"no overall table: it needs at least two rows with a comparable {leaderboard.sort_by} on each of the "
        f"{len(tables)} datasets, and {len(everywhere)} {'has' if len(everywhere) == 1 else 'have'} results on all"
    )


def overall_columns(overall: Overall) -> list[OverallColumn]:
    """Return the columns, with a cell for each row; the lowest mean rank comes first."""
    rows = overall.rows
    recipe_priority = 0 if len({row.recipe for row in rows}) > 1 else 20
    columns = [
        *_rank_columns(overall),
        OverallColumn(title="model", cells=[row.model for row in rows], numeric=False),
        OverallColumn(title="recipe", cells=[row.recipe for row in rows], numeric=False, priority=recipe_priority),
        OverallColumn(title="mean rank", cells=[number(row.mean_rank) for row in rows]),
        OverallColumn(title="95 % interval", cells=list(map(_interval, rows)), priority=10),
        OverallColumn(title="wins %", cells=[f"{100 * row.win_rate:.0f}" for row in rows], priority=30),
    ]
    if any(row.improvability is not None for row in rows):
        shares = [row.improvability for row in rows]
        texts = [NOTHING if share is None else f"{100 * share:.0f}" for share in shares]
        columns.append(OverallColumn(title="improvability %", cells=texts, priority=25))
    if overall.rope is not None:
        columns.append(OverallColumn(title="better/same/worse %", cells=list(map(_chances, rows)), priority=5))
    if _has_sure_wins(overall):
        cells = [NOTHING if row.sure_win_rate is None else f"{100 * row.sure_win_rate:.0f}" for row in rows]
        columns.append(OverallColumn(title="sure wins %", cells=cells, priority=40))
    return columns


def _rank_columns(overall: Overall) -> list[OverallColumn]:
    """Return the column of ranks; empty if there are too few datasets for any."""
    ranges = [(row.rank_low, row.rank_high) for row in overall.rows]
    if all(low is None for low, _ in ranges):
        return []
    return [OverallColumn(title="#", cells=[f"{low}" if low == high else f"{low}–{high}" for low, high in ranges])]


def overall_notes(overall: Overall, sort_by: str) -> list[str]:
    """Return the sentences below the table: what the numbers mean, and which cells are missing."""
    notes = [
        f"mean rank: over {', '.join(overall.data)}; on each, these rows are ranked by their mean {sort_by}, and equal "
        "rows share the mean of their ranks",
        _interval_note(overall),
        _rank_note(overall),
        "wins: share of comparisons with the other rows, over all datasets, that the row wins; a draw counts half"
        + ("; sure wins: comparisons in which the ranges of ranks do not overlap" if _has_sure_wins(overall) else ""),
    ]
    if any(row.improvability is not None for row in overall.rows):
        notes.append("improvability: share of its error by which the best row of each dataset errs less, on average")
    if overall.rope is not None:
        notes.append(
            "better/same/worse: how likely a row is better than the first one over datasets like these, the same "
            f"within ±{overall.rope:g}, or worse (Bayesian signed-rank test)"
        )
    num_cells = len(overall.data) * (len(overall.rows) + len(overall.incomplete))
    if overall.incomplete:
        notes.append(
            f"{overall.num_missing:,} of {num_cells:,} cells {'is' if overall.num_missing == 1 else 'are'} missing; "
            "rows with missing cells are not ranked here, and nothing is imputed:"
        )
        notes += [_missing_note(row) for row in overall.incomplete[:_MOST_NAMED]]
        if len(overall.incomplete) > _MOST_NAMED:
            notes.append(f"and {len(overall.incomplete) - _MOST_NAMED:,} more rows")
    else:
        notes.append(f"none of {num_cells:,} cells is missing")
    if overall.left_out:
        notes.append(f"left out, because no row has a result on them: {', '.join(overall.left_out)}")
    return notes


def _chances(row: OverallRow) -> str:
    chances = row.chances
    if chances is None:
        return NOTHING
    return "/".join(f"{100 * chance:.0f}" for chance in (chances.better, chances.same, chances.worse))


def _interval(row: OverallRow) -> str:
    return NOTHING if row.low is None or row.high is None else f"[{row.low:.1f}, {row.high:.1f}]"


def _interval_note(overall: Overall) -> str:
    if len(overall.data) < MIN_DATASETS:
        return (
            f"no interval: {len(overall.data)} datasets are too few to estimate how a mean rank varies between them; "
            f"at least {MIN_DATASETS} are needed"
        )
    return (
        "95 % interval: for the mean rank over other datasets like these (bootstrap over datasets); none if a row has "
        "the same rank on all of them"
    )


def _rank_note(overall: Overall) -> str:
    needed = datasets_needed(len(overall.rows))
    if len(overall.data) < needed:
        return (
            f"no ranks: with fewer than {needed} datasets, no signed-rank test can separate {len(overall.rows):,} rows"
        )
    return (
        "ranks: over other datasets like these; rows that Wilcoxon's signed-rank tests of all pairs do not separate "
        "share a range (Holm's method, 5 %)"
    )


def _missing_note(row: IncompleteRow) -> str:
    return f"{row.model}, {row.recipe}: missing on {', '.join(row.missing)}"


def _has_sure_wins(overall: Overall) -> bool:
    return any(row.sure_win_rate is not None for row in overall.rows)
