"""Footnotes: what the numbers and signs of a table mean, in sentences that are the same in every format."""

from __future__ import annotations

from collections.abc import Sequence, Set

from harness.records.origin import WORDS, OriginKind
from harness.records.record import LOADED_CORES
from reports.leaderboard.columns.cells import FRONT_MARK, LOADED_MARK, LOADER_MARK, TIED_MARK
from reports.leaderboard.columns.column import Column, RankBasis
from reports.leaderboard.columns.further_set_columns import further_set_legend
from reports.leaderboard.columns.goal_columns import goal_legend, percent
from reports.leaderboard.coverage import coverage_text
from reports.leaderboard.goals import ENERGY_KEY, TIME_KEY
from reports.leaderboard.leaderboard import Leaderboard
from reports.leaderboard.pareto import COSTS
from reports.leaderboard.published import published_notes
from reports.leaderboard.remarks.notes import TrialNote, merge_outcomes, names_text
from reports.leaderboard.table import LOADER_SHARE, Row, Table, row_names
from reports.trials.labels import SMALL_IMAGES
from zoo.text import one_line

MANY_OPENINGS = 20
"""Number of trials on the same test images from which a note says so."""

_ORIGINS = {
    OriginKind.EVALUATED: "weights that were not trained here, tested as trained rows are",
    OriginKind.PREDICTIONS: "predictions made elsewhere, scored here; there is no network to measure",
    OriginKind.ENSEMBLE: "mean probabilities of several networks, whose sizes and inference times are added up",
}

_COSTS = frozenset(cost.key for cost in COSTS)


def heading(table: Table) -> str:
    """Return the title of a table: its dataset and the size of the test set."""
    parts = [table.data or "no dataset"]
    if table.num_test is not None:
        parts.append(f"{table.num_test:,} test image{'' if table.num_test == 1 else 's'}")
    if table.num_classes is not None:
        parts.append(f"{table.num_classes} classes")
    return " · ".join(parts)


def table_notes(table: Table, columns: Sequence[Column], leaderboard: Leaderboard) -> list[str]:
    """Return the sentences below one table: the signs in it, its own notes, and why trials gave no result."""
    keys = {column.key for column in columns}
    notes = []
    if any(row.small_images for row in table.rows) and "model" in keys:
        notes.append(f"{SMALL_IMAGES}: early strides reduced for small images, which makes it another network")
    if "origin" in keys:
        kinds = {row.origin.kind for row in table.rows if row.origin}
        notes += [f"{WORDS[kind]}: {about}" for kind, about in _ORIGINS.items() if kind in kinds]
    notes += published_notes(table.rows, keys)
    if "seen" in keys and any(row.seen for row in table.rows):
        notes.append(
            "seen?: whether published weights were trained on the test images or the collection that they come from, "
            "as far as both declare it; any collection may hold near duplicates of them (zoo data copies)"
        )
    if any(column.needs_equal_conditions for column in columns):
        notes += table.speed_notes
    if {TIME_KEY, ENERGY_KEY} & keys:
        notes += _goal_notes(table, has_energy=ENERGY_KEY in keys)
    notes += [_fingerprint_note(table, leaderboard), _openings_note(table), *table.notes, *_unfinished_notes(table)]
    return [note for note in notes if note]


def legend(columns: Sequence[Column], leaderboard: Leaderboard) -> list[str]:
    """Return the sentences that hold for all tables: what spread, interval, ranks and signs mean.

    Only what is shown is explained.
    """
    keys = {column.key for column in columns}
    rows = [row for row in leaderboard.rows if row.seeds]
    notes = []
    if not rows:
        return list(leaderboard.notes)
    accuracies = [row.metrics["accuracy"] for row in rows if "accuracy" in row.metrics]
    if _shows("±", columns, rows):
        notes.append(f"± standard deviation over seeds ({_range([len(row.seeds) for row in rows])} per row)")
    if "interval" in keys and any(accuracy.low is not None for accuracy in accuracies):
        notes.append(_interval_note(rows))
    if leaderboard.sort_by in keys and leaderboard.sort_by != "accuracy":
        values = [row.metrics[leaderboard.sort_by] for row in rows if leaderboard.sort_by in row.metrics]
        if any(value.low is not None for value in values):
            notes.append(f"[…]: 95 % interval of {leaderboard.sort_by}, in the same sense")
    is_ranked = any(sum(row.rank_low is not None for row in table.rows) > 1 for table in leaderboard.tables)
    if "rank" in keys and (is_ranked or leaderboard.basis is RankBasis.NONE):
        notes.append(_rank_note(leaderboard, rows))
    notes += goal_legend(columns, rows)
    notes += further_set_legend(columns, rows)
    notes += _front_notes(columns, rows)
    notes += _speed_notes(columns, rows, keys)
    return [*notes, *leaderboard.notes]


def _shows(sign: str, columns: Sequence[Column], rows: Sequence[Row]) -> bool:
    """Tell whether a sign stands in any cell of numbers."""
    return any(sign in column.text(row) for column in columns if column.numeric for row in rows)


def _front_notes(columns: Sequence[Column], rows: Sequence[Row]) -> list[str]:
    notes = []
    if _shows(FRONT_MARK, [column for column in columns if column.key in _COSTS], rows):
        notes.append(
            f"{FRONT_MARK} on the Pareto front: no row of the table is at least as good in both accuracy and this "
            "column, and better in one; it compares means, so noise can move a row on or "
            "off the front (CSV and JSON have the chance of each row)"
        )
    found = (dominator for row in rows for each in row.dominated_by.values() for dominator in each)
    if any(column.key == "dominated_by" for column in columns) and any(each.shares_ranks for each in found):
        notes.append(f"{TIED_MARK} shares ranks with this row, so only the cost sets the two apart")
    return notes


def _speed_notes(columns: Sequence[Column], rows: Sequence[Row], keys: Set[str]) -> list[str]:
    notes = []
    speeds = [column for column in columns if column.needs_equal_conditions]
    spreads = [f"{column.title} {text}" for column in speeds if column.spread and (text := _widest(column, rows))]
    if spreads:
        notes.append(
            "speeds are medians of timed windows over the seeds; the middle 95 % of the windows of each row lie within "
            f"{', '.join(spreads)} of it"
        )
    if _shows(LOADED_MARK, speeds, rows):
        notes.append(f"{LOADED_MARK} measured while other processes used more than {LOADED_CORES:g} CPU cores")
    if _shows(LOADER_MARK, speeds, rows):
        notes.append(
            f"{LOADER_MARK} loader-bound: training is more than {100 * LOADER_SHARE:.0f} % slower than compute alone, "
            "because it waits for data"
        )
    if "relative_speed" in keys and any(row.speed is not None and row.speed.relative is not None for row in rows):
        notes.append(
            "rel. speed: inference throughput divided by that of a reference network measured just before and after; "
            "comparable between similar machines, less so between CPU and GPU"
        )
    return notes


def _widest(column: Column, rows: Sequence[Row]) -> str:
    """Return the range, in percent of the median, within which the windows of all rows lie; empty if none is known."""
    shares = []
    for row in rows:
        cells = column.plain(row)
        median, *ends = (cells[f"{column.key}{end}"] for end in ("", "_low", "_high"))
        if median and None not in ends:
            shares.append([100 * (end / median - 1) for end in ends])
    if not shares:
        return ""
    lows, highs = zip(*shares, strict=True)
    return f"{min(lows):+.0f} to {max(highs):+.0f} %".replace("-", "−")


def _interval_note(rows: Sequence[Row]) -> str:
    note = "95 % interval: for the expected accuracy over new seeds and new test images of the same kind"
    if any(len(row.seeds) == 1 for row in rows):
        note += "; with one seed, over new test images only"
    return f"{note}; covers: {coverage_text([row.covers for row in rows])}"


def _rank_note(leaderboard: Leaderboard, rows: Sequence[Row]) -> str:
    if leaderboard.basis is RankBasis.NONE:
        return f"no ranks: rows are in the order of {leaderboard.sort_by}, whose differences cannot be tested"
    if leaderboard.basis is RankBasis.EXACT:
        return f"ranks: in the order of {leaderboard.sort_by}, which has no noise"
    method = "paired tests on the same test images, Holm's method, 5 % over all pairs of a table"
    if leaderboard.sort_by != "accuracy":
        method = f"by {leaderboard.sort_by}: {method}"
    if any(row.rank_low != row.rank_high for row in rows):
        note = f"ranks: rows that cannot be separated share a range, are shaded, and are ordered by mean ({method})"
    else:
        note = f"ranks: all rows are separated ({method})"
    if sum(len(row.seeds) == 1 for row in rows) > 1:
        note += "; between rows of one seed, the tests compare these networks and say nothing about other seeds"
    return note


def _fingerprint_note(table: Table, leaderboard: Leaderboard) -> str:
    """Return what distinguishes a table from another one of the same dataset; empty if there is none."""
    same = [other for other in leaderboard.tables if other.data == table.data]
    if len(same) < 2:
        return ""
    content = table.fingerprint[:12] or "unknown"
    return f"images {content}: this dataset appears with {len(same)} different contents, which are never compared"


def _openings_note(table: Table) -> str:
    """Return how often the test images were opened, and what choosing the best row costs; empty for a few trials."""
    if table.openings < MANY_OPENINGS:
        return ""
    note = f"the test images were opened for {table.openings:,} trials of {len(table.rows):,} rows"
    if table.optimism is None:
        return note
    return f"{note}; the best row is expected to look {100 * table.optimism:.1f} points better than it is"


def _goal_notes(table: Table, *, has_energy: bool) -> list[str]:
    """Return a sentence for each reason why time or energy of rows is not known."""
    problems: dict[str, list[str]] = {}
    for row, name in zip(table.rows, row_names(table.rows), strict=True):
        if row.reached is not None and row.reached.problem:
            problems.setdefault(f"no time to {percent(row.reached.goal)}: {row.reached.problem}", []).append(name)
        elif row.reached is not None and row.reached.energy_problem and has_energy:
            problem = one_line(row.reached.energy_problem, max_length=300)
            problems.setdefault(f"no energy: {problem}", []).append(name)
    return [f"{problem} ({names_text(names)})" for problem, names in problems.items()]


def _unfinished_notes(table: Table) -> list[str]:
    """Return a sentence for each cause, with the trials that it stopped."""
    return merge_outcomes(
        (each.outcome, TrialNote(sentence=each.reason, row=name, seed=each.seed))
        for row, name in zip(table.rows, row_names(table.rows), strict=True)
        for each in row.unfinished
        if each.outcome != "missing"
    )


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"
