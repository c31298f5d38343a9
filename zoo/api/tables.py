"""Tables: the metrics of a catalog in ranked tables, and the files that a bench writes beside its records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.api.display.foreign_formats import file_name, render_foreign

if TYPE_CHECKING:
    from reports.leaderboard.columns.column import Column
    from reports.leaderboard.leaderboard import Leaderboard
    from reports.trials.reading import Trial
    from zoo.catalog import Catalog, Entry
    from zoo.report_format import ReportFormat


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricDeclarations:
    """What a catalog says about metrics, as ranked tables take it."""

    columns: tuple[Column, ...] = ()
    versions: Mapping[str, int] = field(default_factory=dict)
    """Versions of the metrics, by display name."""

    @classmethod
    def of(cls, catalog: Catalog) -> MetricDeclarations:
        """Return what *catalog* says."""
        from reports.leaderboard.all_columns import metric_columns

        return cls(
            columns=metric_columns((entry.display_name, entry.record) for entry in catalog.metrics),
            versions={entry.display_name: entry.record.version for entry in catalog.metrics},
        )


def formats_of(catalog: Catalog) -> dict[str, Entry[ReportFormat]]:
    """Return the report formats of plugins, by short and full name."""
    return {name: entry for entry in catalog.report_formats for name in (entry.display_name, entry.full_name)}


def write_tables(
    store: Path, declared: MetricDeclarations, foreign: Iterable[Entry[ReportFormat]]
) -> tuple[list[Path], list[str]]:
    """Write the leaderboard files of a store beside its records.

    Returns:
        The paths written, and a sentence for each format of a plugin that failed; the other files are written.

    Raises:
        StoreError: If one of zoo's own files cannot be written.
    """
    from harness.system.atomic_files import write_bytes
    from reports.leaderboard.building import build_leaderboard
    from reports.render.writing import write_files
    from zoo.errors import PluginError

    leaderboard = build_leaderboard([store], declared=declared.columns, versions=declared.versions)
    written, problems = write_files(leaderboard, store), []
    for entry in {entry.full_name: entry for entry in foreign}.values():
        path = store / file_name(entry)
        try:
            write_bytes(path, render_foreign(entry, leaderboard).encode("utf-8", "replace"))
            written.append(path)
        except PluginError as error:
            problems.append(str(error))
        except OSError as error:
            problems.append(f"{path} cannot be written: {error.strerror or error}")
    return written, problems


def rank_store(
    store: Path, catalog: Catalog, *, notes: Sequence[str] = ()
) -> tuple[Leaderboard, tuple[Trial, ...], MetricDeclarations]:
    """Write the leaderboard files of a store; return its leaderboard, its trials, and what a catalog says of metrics.

    Raises:
        StoreError: If a file cannot be written.
    """
    from reports.leaderboard.building import build_leaderboard
    from reports.trials.reading import read_trials

    declared = MetricDeclarations.of(catalog)
    problems = write_tables(store, declared, formats_of(catalog).values())[1]
    trials, unreadable = read_trials([store], runtimes=True)
    leaderboard = build_leaderboard(
        trials,
        declared=declared.columns,
        versions=declared.versions,
        notes=[*notes, *problems, *(f"left out: {problem}" for problem in unreadable)],
    )
    return leaderboard, tuple(trials), declared
