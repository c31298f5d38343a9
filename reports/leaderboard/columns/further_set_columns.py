"""Columns of further test sets: the accuracy on each, and how much lower it is than on the test set of the table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.records.record import TestSetKind
from reports.leaderboard.columns.cells import NOTHING, spread_text
from reports.leaderboard.columns.column import Column
from reports.leaderboard.further_sets import CORRUPTED, WORST_SLICE
from reports.leaderboard.table import FurtherEstimate, Row
from zoo.text import one_line, plural


def further_set_columns(rows: Iterable[Row]) -> list[Column]:
    """Return two columns for each further set of *rows*; those of single corruptions and slices only if chosen."""
    found: dict[str, FurtherEstimate] = {}
    for row in rows:
        for key, estimate in row.further.items():
            found.setdefault(key, estimate)
    columns = []
    for key in sorted(found, key=lambda key: (_order(key, found[key]), key)):
        columns += [_accuracy_column(key, found[key]), _drop_column(key, found[key])]
    return columns


def further_set_legend(columns: Iterable[Column], rows: Iterable[Row]) -> list[str]:
    """Return the sentences on further sets below a table that shows *columns*."""
    keys = {column.key for column in columns}
    shown: dict[str, list[FurtherEstimate]] = {}
    for row in rows:
        for key, estimate in row.further.items():
            if {key, _drop_key(key)} & keys:
                shown.setdefault(key, []).append(estimate)
    notes = []
    if CORRUPTED in shown:
        counts = sorted({each.num_sets for each in shown[CORRUPTED]})
        sets = " or ".join(plural(each, "corrupted copy", "corrupted copies") for each in counts)
        note = f"corrupted: mean over {sets} of the test images, one for each corruption and severity"
        notes.append(note if len(counts) == 1 else f"{note}; rows with different numbers do not compare")
    if WORST_SLICE in shown:
        count = max(each.num_sets for each in shown[WORST_SLICE])
        notes.append(f"worst slice: the lowest accuracy of {count} slices; its interval allows for which one it is")
    folds = sorted({each.num_folds for several in shown.values() for each in several if each.num_folds})
    if folds:
        number = " or ".join(map(str, folds))
        notes.append(
            f"other test sets: the mean over the networks of {number} folds, each tested on all images of a set"
        )
    drops = [each.drop for key, several in shown.items() if _drop_key(key) in keys for each in several if each.drop]
    if drops:
        paired = {each.is_paired for each in drops}
        how = " or ".join(
            text
            for is_paired, text in (
                (True, "paired by image, where they are the test images, corrupted"),
                (False, "unpaired, where they are others"),
            )
            if is_paired in paired
        )
        notes.append(
            f"drop: accuracy on the test images minus that on the others, in points, with a 95 % interval ({how})"
        )
    return notes


def _order(key: str, estimate: FurtherEstimate) -> int:
    places = {CORRUPTED: 1, WORST_SLICE: 2}
    of_kind = {TestSetKind.DATASET: 0, TestSetKind.CORRUPTION: 3, TestSetKind.SLICE: 4}
    return places.get(key, of_kind[estimate.kind])


def _is_default(key: str, estimate: FurtherEstimate) -> bool:
    return key in (CORRUPTED, WORST_SLICE) or estimate.kind is TestSetKind.DATASET


def _title(key: str, estimate: FurtherEstimate) -> str:
    if estimate.kind is TestSetKind.SLICE and key != WORST_SLICE:
        return one_line(estimate.source, max_length=30)
    return key.removeprefix("on_").replace("_", " ")


def _about(key: str, estimate: FurtherEstimate) -> str:
    if key == CORRUPTED:
        return "the corrupted test images: the mean over corruptions and severities"
    if key == WORST_SLICE:
        return "the slice of the test images where it is lowest"
    return f"the test set {one_line(estimate.source, max_length=80)}"


def _accuracy_column(key: str, example: FurtherEstimate) -> Column:
    def text(row: Row) -> str:
        estimate = row.further.get(key)
        if estimate is None:
            return NOTHING
        named = f" ({one_line(estimate.source, max_length=30)})" if key == WORST_SLICE else ""
        return f"{spread_text(estimate.accuracy, 100)}{named}"

    def plain(row: Row) -> dict[str, Any]:
        estimate = row.further.get(key)
        accuracy = None if estimate is None else estimate.accuracy
        cells = {
            f"{key}{suffix}": getattr(accuracy, field, None)
            for suffix, field in (("", "mean"), ("_sd", "sd"), ("_low", "low"), ("_high", "high"))
        }
        if key == WORST_SLICE:
            cells[f"{key}_name"] = None if estimate is None else estimate.source
        return cells

    return Column(
        key=key,
        title=f"{_title(key, example)} %",
        about=f"accuracy on {_about(key, example)}",
        text=text,
        plain=plain,
        value=lambda row: row.further[key].accuracy.mean if key in row.further else None,
        is_sampled=True,
        priority=25,
        default=_is_default(key, example),
        only_if_filled=True,
    )


def _drop_column(key: str, example: FurtherEstimate) -> Column:
    drop_key = _drop_key(key)

    def text(row: Row) -> str:
        drop = row.further[key].drop if key in row.further else None
        if drop is None:
            return NOTHING
        return f"{100 * drop.mean:.1f} [{100 * drop.low:.1f}, {100 * drop.high:.1f}]"

    def plain(row: Row) -> dict[str, Any]:
        drop = row.further[key].drop if key in row.further else None
        return {
            f"{drop_key}{suffix}": getattr(drop, field, None)
            for suffix, field in (("", "mean"), ("_low", "low"), ("_high", "high"))
        }

    def value(row: Row) -> float | None:
        drop = row.further[key].drop if key in row.further else None
        return None if drop is None else drop.mean

    return Column(
        key=drop_key,
        title=f"{_title(key, example)} drop",
        about=f"accuracy minus that on {_about(key, example)}, with a 95 % interval",
        text=text,
        plain=plain,
        value=value,
        higher_is_better=False,
        priority=35,
        default=_is_default(key, example),
        only_if_filled=True,
    )


def _drop_key(key: str) -> str:
    return f"drop_{key.removeprefix('on_')}"
