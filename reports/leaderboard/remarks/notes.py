"""Notes: remarks on single trials, merged so that each kind of remark is made once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from zoo.text import plural

# A number that stands alone: no part of a name or of a version.
_NUMBER = re.compile(r"(?<![\w.,-])\d[\d,]*(?:\.\d+)?(?![\w-]|[.,]\w)")
_MOST_ROWS = 3
_PLACEHOLDER = "\0"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialNote:
    """A sentence about one trial of a table."""

    sentence: str
    row: str
    """Name of its row."""
    seed: int


def merge_notes(notes: Iterable[TrialNote]) -> list[str]:
    """Return one sentence for each kind of note, with the trials that it concerns.

    Sentences that differ only in numbers are of one kind; a number that varies is given as a range.
    """
    return [f"{sentence} ({trials_text(members)})" for sentence, members in _by_kind(notes)]


def merge_outcomes(outcomes: Iterable[tuple[str, TrialNote]]) -> list[str]:
    """Return one sentence for each cause, given trials without a result by how they ended.

    The sentence of a note is its cause; it may be empty. The kind of failure "error" says no more than "failed".
    """
    by_outcome: dict[str, list[TrialNote]] = {}
    for outcome, note in outcomes:
        cause = replace(note, sentence=note.sentence.removeprefix("error: "))
        by_outcome.setdefault(outcome, []).append(cause)
    return [
        f"{plural(len(members), 'trial')} {_verb(outcome, len(members))}{f': {cause}' if cause else ''} "
        f"({rows_text(members)})"
        for outcome, all_notes in by_outcome.items()
        for cause, members in _by_kind(all_notes)
    ]


def trials_text(notes: Sequence[TrialNote]) -> str:
    """Return which trials notes are about: ``net, seed 0``, or their number where they are many."""
    if len(notes) == 1:
        return rows_text(notes)
    rows = len({note.row for note in notes})
    if rows > _MOST_ROWS:
        return f"{plural(len(notes), 'trial')} of {plural(rows, 'row')}"
    return f"{plural(len(notes), 'trial')}: {rows_text(notes)}"


def rows_text(notes: Sequence[TrialNote]) -> str:
    """Return rows with their seeds: ``net, seeds 0–2; other, seed 1``, or the number of rows where they are many."""
    seeds: dict[str, list[int]] = {}
    for note in notes:
        seeds.setdefault(note.row, []).append(note.seed)
    if len(seeds) > _MOST_ROWS:
        return plural(len(seeds), "row")
    return "; ".join(f"{row}, {seeds_text(members)}" for row, members in seeds.items())


def names_text(names: Sequence[str]) -> str:
    """Return the names of rows, or their number where they are many."""
    return "; ".join(names) if len(names) <= _MOST_ROWS else plural(len(names), "row")


def seeds_text(seeds: Iterable[int]) -> str:
    """Return ``seed 3``, ``seeds 0, 2`` or, for three or more in a row, ``seeds 0–4``."""
    ordered = sorted(set(seeds))
    if len(ordered) == 1:
        return f"seed {ordered[0]}"
    if len(ordered) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"seeds {ordered[0]}–{ordered[-1]}"
    return f"seeds {', '.join(map(str, ordered))}"


def _by_kind(notes: Iterable[TrialNote]) -> list[tuple[str, list[TrialNote]]]:
    """Group notes by their words; return each kind's sentence, with ranges for numbers, and its notes."""
    kinds: dict[str, list[TrialNote]] = {}
    for note in notes:
        kinds.setdefault(_NUMBER.sub(_PLACEHOLDER, note.sentence), []).append(note)
    return [(_with_ranges(kind, members), members) for kind, members in kinds.items()]


def _with_ranges(kind: str, notes: Sequence[TrialNote]) -> str:
    parts = kind.split(_PLACEHOLDER)
    columns = zip(*(_NUMBER.findall(note.sentence) for note in notes), strict=True)
    return parts[0] + "".join(_range(column) + part for column, part in zip(columns, parts[1:], strict=True))


def _range(numbers: Sequence[str]) -> str:
    ordered = sorted(dict.fromkeys(numbers), key=lambda number: float(number.replace(",", "")))
    return ordered[0] if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"


def _verb(outcome: str, count: int) -> str:
    if outcome == "failed":
        return outcome
    return f"{'was' if count == 1 else 'were'} {outcome}"
