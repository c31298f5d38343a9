"""Speeds: medians over the seeds of a row, which rows are comparable, and what disturbed the measurements."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.records.keys import measurement_fields
from harness.records.record import BestInference, Rate, Record, SpeedInfo
from harness.records.runtime_result import RuntimeRecord
from reports.leaderboard.columns.cells import SPEED_MARK
from reports.leaderboard.remarks.notes import TrialNote, merge_notes, names_text
from reports.leaderboard.runtime_rows import conditions_key
from reports.leaderboard.table import Row, Speed, row_names
from reports.trials.grouping import Group
from zoo.text import one_line

_RATES: Mapping[str, Callable[[SpeedInfo], Rate | None]] = {
    "train": lambda speed: speed.train_end_to_end,
    "train_compute": lambda speed: speed.train,
    "inference": lambda speed: speed.inference,
    "inference_end_to_end": lambda speed: speed.inference_end_to_end,
    "decode": lambda speed: speed.decode,
    "best_inference": lambda speed: speed.best_inference.rate if speed.best_inference else None,
}


def speed_of(records: Sequence[Record]) -> Speed | None:
    """Return medians over the seeds that were measured under the most common conditions.

    Seeds that were measured beside other load count only if all were. A relative speed is the median over all seeds:
    each was measured beside the reference, so conditions cancel.
    """
    measured = [record for record in records if record.speed is not None]
    if not measured:
        return None
    key = _most_common(record.measurement_key for record in measured)
    alike = [record.speed for record in measured if record.measurement_key == key and record.speed is not None]
    speeds = [speed for speed in alike if not speed.was_slowed] or alike

    def median(read: Callable[[SpeedInfo], float | None], among: Sequence[SpeedInfo] = speeds) -> float | None:
        values = [value for value in map(read, among) if value is not None]
        return statistics.median(values) if values else None

    rates = {name: [rate for rate in map(read, speeds) if rate is not None] for name, read in _RATES.items()}
    medians = {name: statistics.median(rate.median for rate in found) for name, found in rates.items() if found}
    best = [speed.best_inference for speed in speeds if speed.best_inference is not None]
    return Speed(
        measurement_key=key,
        conditions_key=next(conditions_key(record) for record in measured if record.measurement_key == key),
        train=medians.get("train"),
        train_compute=medians.get("train_compute"),
        inference=medians.get("inference"),
        inference_end_to_end=medians.get("inference_end_to_end"),
        decode=medians.get("decode"),
        intervals={
            name: (min(rate.low for rate in found), max(rate.high for rate in found))
            for name, found in rates.items()
            if found
        },
        latency_p50_ms=median(lambda speed: speed.latency.p50_ms if speed.latency else None),
        latency_p95_ms=median(lambda speed: speed.latency.p95_ms if speed.latency else None),
        peak_memory_mib=median(lambda speed: speed.peak_memory_mib, alike),
        best_inference=medians.get("best_inference"),
        best_settings=_most_common(map(_settings, best)) if best else "",
        best_agreement=min((each.top1_agreement for each in best), default=None),
        relative=median(_relative, [record.speed for record in measured if record.speed is not None]),
        foreign_cores=max((speed.foreign_cores for speed in speeds if speed.foreign_cores is not None), default=None),
        is_loaded=any(speed.was_slowed for speed in speeds),
    )


def _settings(best: BestInference) -> str:
    parts = [f"batch {best.rate.batch_size}", best.precision, best.layout.replace("_", " ")]
    return ", ".join([*parts, *(["compiled"] if best.compile else [])])


def _relative(speed: SpeedInfo) -> float | None:
    if speed.inference is None or speed.reference is None or speed.reference.median <= 0:
        return None
    return speed.inference.median / speed.reference.median


def compare_speeds(rows: Sequence[Row], groups: Sequence[Group]) -> tuple[list[Row], list[str]]:
    """Mark the speeds that were measured under different conditions from most.

    Returns:
        The rows; and notes on the conditions that differ, the seeds left out and what disturbed the timer.
    """
    names = row_names(rows)
    notes = [*_left_out_notes(rows, names, groups), *_timer_notes(names, groups)]
    keys = [row.speed.conditions for row in rows if row.speed]
    if len(set(keys)) < 2:
        return list(rows), notes
    usual = _most_common(keys)
    marked = [
        replace(row, speed=replace(row.speed, comparable=row.speed.conditions == usual)) if row.speed else row
        for row in rows
    ]
    return marked, [*_condition_notes(marked, names, groups, usual), *notes]


def _condition_notes(rows: Sequence[Row], names: Sequence[str], groups: Sequence[Group], usual: str) -> list[str]:
    """Return how most rows were measured, and for each other way how it differs and which rows were measured so."""
    conditions = {
        conditions_key(record): _conditions(record)
        for group in groups
        for _, record in group.done.values()
        if record.speed is not None
    }
    elsewhere: dict[str, list[str]] = {}
    for row, name in zip(rows, names, strict=True):
        if row.speed and not row.speed.comparable:
            elsewhere.setdefault(row.speed.conditions, []).append(name)
    shown = [conditions[key] for key in (usual, *elsewhere)]
    differing = [
        name
        for name in dict.fromkeys(name for fields in shown for name in fields)
        if len({str(fields.get(name)) for fields in shown}) > 1
    ]
    usually = ", ".join(f"{name} {conditions[usual].get(name)}" for name in differing)
    note = f"{SPEED_MARK} speeds measured under different conditions from most rows, and not compared with them"
    notes = [f"{note} (most rows: {usually})" if usually else note]
    for key, found in elsewhere.items():
        own = [f"{name} {value}" for name, value in conditions[key].items() if value != conditions[usual].get(name)]
        if own:
            notes.append(f"{SPEED_MARK} {', '.join(own)}: {names_text(sorted(found))}")
    return notes


def _left_out_notes(rows: Sequence[Row], names: Sequence[str], groups: Sequence[Group]) -> list[str]:
    notes = []
    for row, name, group in zip(rows, names, groups, strict=True):
        for seed, (_, record) in sorted(group.done.items()):
            if not record.speed or not row.speed:
                continue
            if record.measurement_key != row.speed.measurement_key:
                why = "under different conditions from the other seeds of the row"
            elif record.speed.was_slowed and not row.speed.is_loaded:
                why = "beside other load, unlike other seeds of the row"
            else:
                continue
            notes.append(TrialNote(sentence=f"speed left out: measured {why}", row=name, seed=seed))
    return merge_notes(notes)


def _timer_notes(names: Sequence[str], groups: Sequence[Group]) -> list[str]:
    return merge_notes(
        TrialNote(sentence=one_line(note, max_length=300), row=name, seed=seed)
        for name, group in sorted(zip(names, groups, strict=True), key=lambda pair: pair[0])
        for seed, (_, record) in sorted(group.done.items())
        for note in (record.speed.notes if record.speed else ())
    )


def _conditions(record: Record) -> Mapping[str, Any]:
    if isinstance(record, RuntimeRecord):
        return record.runtime.conditions
    try:
        return measurement_fields(record.spec, record.environment)
    except KeyError:  # the record does not state its conditions; its key still shows that they differ
        return {}


def _most_common(keys: Iterable[str]) -> str:
    counts = Counter(keys)
    return min(counts, key=lambda key: (-counts[key], key))
