"""Grouping: trials → rows, and rows → tables. Nothing is compared here that should not be."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.record import Outcome, Record
from reports.labels import data_label, torch_minor
from reports.reading import Trial


@dataclass(kw_only=True)
class Group:
    """The trials of one row."""

    done: dict[int, Trial] = field(default_factory=dict)
    """By seed."""
    unfinished: dict[int, Record] = field(default_factory=dict)
    """By seed."""
    repeated: int = 0
    """Trials left out because another has the same seed."""
    fingerprint: str = ""

    @property
    def example(self) -> Record:
        """A record that speaks for all, as far as names and settings go."""
        return next(iter(self.done.values()))[1] if self.done else next(iter(self.unfinished.values()))


def _spec_key(record: Record) -> str:
    """Return what all trials of a row share, before it is known on which images and which torch they ran."""
    spec = record.spec.model_dump(mode="json", exclude={"seed": True, "execution": True})
    execution = record.spec.execution
    # Device, threads and compilation change speeds and rounding, not what a row is.
    return json.dumps([spec, execution.precision, execution.small_images], sort_keys=True)


def group_trials(trials: Iterable[Trial]) -> list[Group]:
    """Group trials into rows. A trial that failed early joins the row that its spec belongs to."""
    groups: dict[str, dict[tuple[str, str], Group]] = {}
    waiting: list[Trial] = []
    for folder, record in trials:
        if record.outcome is not Outcome.DONE or record.data is None:
            waiting.append((folder, record))
            continue
        exact = (record.data.fingerprint, torch_minor(record))
        group = groups.setdefault(_spec_key(record), {}).setdefault(exact, Group(fingerprint=exact[0]))
        if record.spec.seed in group.done:
            group.repeated += 1
        else:
            group.done[record.spec.seed] = (folder, record)
    for _, record in waiting:
        siblings = groups.setdefault(_spec_key(record), {})
        exact = (record.data.fingerprint if record.data else "", torch_minor(record))
        fitting = [
            key for key in siblings if (not exact[0] or key[0] == exact[0]) and (not exact[1] or key[1] == exact[1])
        ]
        key = fitting[0] if fitting else exact
        group = siblings.setdefault(key, Group(fingerprint=key[0]))
        if record.spec.seed not in group.done:
            group.unfinished.setdefault(record.spec.seed, record)
    return [group for siblings in groups.values() for group in siblings.values()]


def by_table(groups: Iterable[Group]) -> list[list[Group]]:
    """Put rows of the same images together; one that never saw images goes with its data set where that is clear."""
    tables: dict[tuple[str, str], list[Group]] = {}
    homeless: list[Group] = []
    for group in groups:
        if group.fingerprint:
            tables.setdefault((data_label(group.example), group.fingerprint), []).append(group)
        else:
            homeless.append(group)
    for group in homeless:
        label = data_label(group.example)
        same_name = [key for key in tables if key[0] == label and key[1]]
        tables.setdefault(same_name[0] if len(same_name) == 1 else (label, ""), []).append(group)
    return list(tables.values())
