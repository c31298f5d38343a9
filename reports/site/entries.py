"""Entries: the rows of a leaderboard with their trials, and with addresses that stay the same between publications."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from harness.records.record import Record
from harness.records.runtime_result import runtime_name
from reports.leaderboard.leaderboard import Leaderboard
from reports.leaderboard.runtime_rows import runtime_shown
from reports.leaderboard.table import Row, Table
from reports.trials.grouping import Group, by_table, group_trials, row_key
from reports.trials.labels import data_label, label_rows, torch_minor
from reports.trials.reading import Trial
from zoo.names import short_hash, slug
from zoo.text import one_line


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BoardEntry:
    """One row with its trials."""

    id: str
    """Name of its page: safe in URLs and on any file system, and independent of other rows."""
    table_id: str
    model_id: str
    table: Table
    row: Row
    example: Record
    """A record with the names and settings that all seeds share."""
    done: tuple[Trial, ...]
    """Finished trials, by seed."""
    unfinished: tuple[Record, ...]
    """Records of other trials, by seed."""

    @property
    def title(self) -> str:
        """Model, dataset and recipe, and the runtime if it is not that of the trial."""
        runtime = f" · {self.row.runtime}" if runtime_name(self.example) else ""
        return f"{self.row.model} · {self.row.data} · {self.row.recipe}{runtime}"

    @property
    def family(self) -> str:
        return one_line(self.example.spec.architecture.family, max_length=100)

    @property
    def device(self) -> str:
        """The device of its trials; that of the first seed if they differ."""
        return one_line(self.example.environment.get("device_name") or "", max_length=100)


def entries_of(leaderboard: Leaderboard, trials: Iterable[Trial]) -> list[BoardEntry]:
    """Return an entry for each row, in the order of the leaderboard.

    Args:
        leaderboard: The leaderboard that was built from *trials*.
        trials: All trials.
    """
    groups = _groups_by_row(trials)
    entries: list[BoardEntry] = []
    taken: dict[str, int] = {}
    for table in leaderboard.tables:
        for row in table.rows:
            group = groups[_key(table, row)].pop(0)
            entry_id = _unique(_entry_id(group), taken)
            entries.append(
                BoardEntry(
                    id=entry_id,
                    table_id=table_id(table),
                    model_id=model_id(group.example),
                    table=table,
                    row=row,
                    example=group.example,
                    done=tuple(group.done[seed] for seed in sorted(group.done)),
                    unfinished=tuple(group.unfinished[seed] for seed in sorted(group.unfinished)),
                )
            )
    return entries


def table_id(table: Table) -> str:
    """Return the name of a dataset's page."""
    return f"{slug(table.data)}-{short_hash(f'{table.data}/{table.fingerprint}', 8)}"


def model_id(record: Record) -> str:
    """Return the name of a model's page; models of one full name share it."""
    architecture = record.spec.architecture
    return f"{slug(architecture.display_name)}-{short_hash(architecture.full_name, 8)}"


def _key(table: Table, row: Row) -> tuple[object, ...]:
    return (table.data, table.fingerprint, row.model, row.recipe, row.runtime, tuple(row.trials))


def _groups_by_row(trials: Iterable[Trial]) -> dict[tuple[object, ...], list[Group]]:
    """Group trials as the leaderboard does, by the names of their rows."""
    ordered = sorted(trials, key=lambda trial: (trial[1].trial_id, str(trial[0])))
    found: dict[tuple[object, ...], list[Group]] = {}
    for groups in by_table(group_trials(ordered)):
        data = data_label(groups[0].example)
        fingerprint = next((group.fingerprint for group in groups if group.fingerprint), "")
        for group, labels in zip(groups, label_rows([group.example for group in groups]), strict=True):
            names = tuple(one_line(group.done[seed][1].trial_id) for seed in sorted(group.done))
            runtime = runtime_shown(group, groups)
            found.setdefault((data, fingerprint, labels.model, labels.recipe, runtime, names), []).append(group)
    return found


def _entry_id(group: Group) -> str:
    record = group.example
    basis = json.dumps([row_key(record), group.fingerprint, torch_minor(record)])
    names = (record.spec.architecture, record.spec.dataset, record.spec.recipe)
    runtime = [runtime_name(record)] if runtime_name(record) else []
    return "--".join([*(slug(each.display_name, 32) for each in names), *runtime, short_hash(basis, 8)])


def _unique(name: str, taken: dict[str, int]) -> str:
    count = taken[name] = taken.get(name, 0) + 1
    return name if count == 1 else f"{name}-{count}"
