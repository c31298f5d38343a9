"""Footnotes: what the numbers of a table mean, in sentences that are the same in every format."""

from __future__ import annotations

from collections.abc import Sequence, Set

from reports.leaderboard.cells import FRONT_MARK, LOADED_MARK, LOADER_MARK, SMALL_IMAGES_MARK, TIED_MARK
from reports.leaderboard.column import Column
from reports.leaderboard.leaderboard import Leaderboard
from reports.leaderboard.pareto import COSTS, is_on_front
from reports.leaderboard.table import FOREIGN_CORES, LOADER_SHARE, Row, Speed, Table


def heading(table: Table) -> str:
    """Return a table's title: its dataset and how much was tested on."""
    parts = [table.data or "no data"]
    if table.num_test is not None:
        parts.append(f"{table.num_test:,} test image{'' if table.num_test == 1 else 's'}")
    if table.num_classes is not None:
        parts.append(f"{table.num_classes} classes")
    return " · ".join(parts)


def fingerprint_note(table: Table, leaderboard: Leaderboard) -> str:
    """Return what tells a table from another of the same dataset; empty where there is none."""
    same = [other for other in leaderboard.tables if other.data == table.data]
    if len(same) < 2:
        return ""
    content = table.fingerprint[:12] or "unknown"
    return f"images {content}: this dataset is here with {len(same)} different contents, which are never compared"


def table_notes(table: Table, columns: Sequence[Column], leaderboard: Leaderboard) -> list[str]:
    """Return what must be said below one table: its own notes, and why trials gave no result."""
    keys = {column.key for column in columns}
    notes = []
    if any(row.small_images for row in table.rows) and "model" in keys:
        notes.append(f"{SMALL_IMAGES_MARK} first strides reduced, for the images are small")
    if any(column.needs_equal_conditions for column in columns):
        notes += table.speed_notes
    notes += [fingerprint_note(table, leaderboard), *table.notes]
    for row in table.rows:
        notes += _unfinished_notes(row)
    return [note for note in notes if note]


def legend(columns: Sequence[Column], leaderboard: Leaderboard) -> list[str]:
    """Return what must be said once: what spread, interval and ranks mean."""
    keys = {column.key for column in columns}
    rows = [row for row in leaderboard.rows if row.seeds]
    notes = []
    if not rows:
        return list(leaderboard.notes)
    accuracies = [row.metrics["accuracy"] for row in rows if "accuracy" in row.metrics]
    if any(estimate.sd is not None for row in rows for estimate in row.metrics.values()):
        notes.append(f"±: standard deviation over seeds ({_range([len(row.seeds) for row in rows])} per row)")
    if "interval" in keys and any(accuracy.low is not None for accuracy in accuracies):
        notes.append(_interval_note(rows))
    if "rank" in keys:
        notes.append(_rank_note(leaderboard, rows))
    notes += _front_notes(keys, rows)
    notes += _speed_notes(columns, [row.speed for row in rows if row.speed])
    return [*notes, *leaderboard.notes]


def _front_notes(keys: Set[str], rows: Sequence[Row]) -> list[str]:
    notes = []
    if any(is_on_front(row, cost.key) for row in rows for cost in COSTS if cost.key in keys):
        notes.append(
            f"{FRONT_MARK} on the Pareto front: no row of its table is at least as accurate and at least as good in "
            "this column, and better in one; accuracies as means, so noise can put a row on it or off it"
        )
    found = (dominator for row in rows for each in row.dominated_by.values() for dominator in each)
    if "dominated_by" in keys and any(dominator.shares_ranks for dominator in found):
        notes.append(f"{TIED_MARK} shares ranks with it: only the cost speaks for it")
    return notes


def _speed_notes(columns: Sequence[Column], speeds: Sequence[Speed]) -> list[str]:
    keys = {column.key for column in columns}
    notes = []
    if any(column.needs_equal_conditions for column in columns) and any(speed.is_loaded for speed in speeds):
        notes.append(
            f"{LOADED_MARK} the machine was loaded: other processes took more than {FOREIGN_CORES:g} cores meanwhile"
        )
    if "train_speed" in keys and any(speed.is_loader_bound for speed in speeds):
        notes.append(
            f"{LOADER_MARK} loader-bound: images/s are more than {100 * LOADER_SHARE:.0f} % below those of compute "
            "alone, so they say less of the network than of its data path"
        )
    if "relative_speed" in keys and any(speed.relative is not None for speed in speeds):
        notes.append(
            "rel. speed: inference over that of a reference network measured just before and after; it travels between "
            "machines of a kind, less so from a CPU to a GPU"
        )
    return notes


def _interval_note(rows: Sequence[Row]) -> str:
    note = "95 % interval: of the accuracy expected from another seed and other test images of the same kind"
    if any(len(row.seeds) == 1 for row in rows):
        note += "; with one seed it covers other test images only"
    return note


def _rank_note(leaderboard: Leaderboard, rows: Sequence[Row]) -> str:
    if leaderboard.sort_by != "accuracy":
        return f"ranks go by the plain order of {leaderboard.sort_by}, which is not tested"
    note = (
        "ranks: rows share a range where paired tests on the same test images cannot tell them apart "
        "(Holm, 5 % for all pairs of a table); order within a tie is by mean"
    )
    if sum(len(row.seeds) == 1 for row in rows) > 1:
        note += "; between rows of one seed the test speaks of these networks, not of other seeds"
    return note


def _unfinished_notes(row: Row) -> list[str]:
    """Return a sentence for each reason, with the seeds that it holds for."""
    seeds_by_reason: dict[str, list[int]] = {}
    for each in row.unfinished:
        if each.outcome != "missing":
            reason = f"{each.outcome}: {each.reason}" if each.reason else each.outcome
            seeds_by_reason.setdefault(reason, []).append(each.seed)
    return [
        f"{row.title}, seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}: {reason}"
        for reason, seeds in seeds_by_reason.items()
    ]


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"
