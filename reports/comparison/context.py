"""The context of a difference: what was not compared, and which settings and environments differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.records.key_diff import result_differences
from harness.records.record import Record
from reports.comparison.matching import Matching
from reports.trials.labels import Labels
from reports.trials.reading import Trial
from zoo.text import one_line

_LONGEST_VALUE = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldChange:
    """A field that differs between the two sides."""

    field: str
    first: tuple[str, ...]
    """All its values on the first side."""
    second: tuple[str, ...]
    cells: tuple[str, ...] = ()
    """Cells concerned; empty if all are."""


def title_of(labels: Labels) -> str:
    """Return the name of a cell in a sentence."""
    return f"{labels.model} · {labels.data} · {labels.recipe}"


def environment_differences(first: Sequence[Trial], second: Sequence[Trial]) -> tuple[FieldChange, ...]:
    """Return versions, device, threads and so on that differ, over all trials that recorded them."""
    sides = [[record.environment for _, record in trials if record.environment] for trials in (first, second)]
    found = []
    for field in dict.fromkeys(name for side in sides for environment in side for name in environment):
        values = [
            tuple(sorted({value_text(environment[field]) for environment in side if field in environment}))
            for side in sides
        ]
        if values[0] != values[1] and all(sides):
            found.append(FieldChange(field=one_line(field), first=values[0], second=values[1]))
    return tuple(found)


def key_differences(matching: Matching, titles: Mapping[int, str]) -> tuple[FieldChange, ...]:
    """Return the fields that can change a prediction and differ within cells, apart from seed and version of torch.

    Args:
        matching: The rows that were matched.
        titles: Names of rows, by ``id``.
    """
    concerned: dict[tuple[str, str, str], list[str]] = {}
    compared = 0
    for first, second in matching.cells:
        if not first.done or not second.done:
            continue
        compared += 1
        one, other = (group.done[min(group.done)][1] for group in (first, second))
        if not (one.environment.get("torch") and other.environment.get("torch")):
            continue
        for each in result_differences(one, other):
            if each.field not in ("seed", "torch"):
                key = (one_line(each.field), value_text(each.left), value_text(each.right))
                concerned.setdefault(key, []).append(titles[id(first)])
    return tuple(
        FieldChange(
            field=field,
            first=(left,),
            second=(right,),
            cells=tuple(cells) if len(cells) < compared else (),
        )
        for (field, left, right), cells in concerned.items()
    )


def context_notes(
    matching: Matching,
    titles: Mapping[int, str],
    names: tuple[str, str],
) -> Iterator[str]:
    """Yield a sentence for each thing that was not compared."""
    for first, second in matching.mixed:
        yield (
            f"{titles[id(first)]} is not compared: its images differ (content {first.fingerprint[:12]} in "
            f"{names[0]}, {second.fingerprint[:12]} in {names[1]})"
        )
    for title in sorted({titles[id(group)] for group in matching.ambiguous}):
        yield f"{title} is not compared: the match with the other side is ambiguous"
    for name, place in ((names[0], 0), (names[1], 1)):
        records = [record for pair in matching.cells for _, record in pair[place].done.values() if record.speed]
        disturbed = [note for record in records if record.speed for note in record.speed.notes[:1]]
        if disturbed:
            yield (
                f"the speeds of {len(disturbed):,} of {len(records):,} trials of {name} were disturbed during the "
                f"measurement, for example: {disturbed[0]}"
            )
    for first, second in matching.cells:
        for name, group, other in ((names[0], first, second), (names[1], second, first)):
            title = titles[id(first)]
            if group.done and other.done:
                for seed, record in sorted(group.unfinished.items()):
                    yield f"{title}: seed {seed} of {name}: {reason_of(record)}"
                alone = sorted(set(group.done) - set(other.done) - set(other.unfinished))
                if alone:
                    yield f"{title}: only {name} has seed{'s' if len(alone) > 1 else ''} {', '.join(map(str, alone))}"
            if group.repeated:
                count = f"{group.repeated} duplicate trial{'s' if group.repeated > 1 else ''}"
                yield f"{title}: {count} of {name} left out: another trial has the same seed"


def reason_of(record: Record) -> str:
    """Return why a trial has no result."""
    failure = record.failure
    reason = f"{failure.kind.value}: {failure.message}" if failure else record.reason
    return one_line(f"{record.outcome.value}: {reason}" if reason else record.outcome.value, max_length=300)


def value_text(value: Any) -> str:
    """Return a value as one short line."""
    text = one_line(value if isinstance(value, str) else json.dumps(value, sort_keys=True))
    return text if len(text) <= _LONGEST_VALUE else text[:12] + "…"
