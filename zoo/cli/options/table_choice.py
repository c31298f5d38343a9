"""The choice of a ranked table: columns and format, checked before anything runs and applied afterwards."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.api.display.foreign_formats import render_foreign
from zoo.api.tables import MetricDeclarations, formats_of, write_tables
from zoo.cli.display.text import terminal_width
from zoo.cli.options.output import REPORT_FORMATS, split_commas
from zoo.cli.session import complain

if TYPE_CHECKING:
    from reports.comparison.explanation import RankExplanation
    from reports.leaderboard.columns.column import Column
    from reports.leaderboard.goals import Goal
    from reports.leaderboard.leaderboard import Leaderboard
    from reports.trials.reading import Trial
    from zoo.catalog import Catalog, Entry
    from zoo.report_format import ReportFormat

DEFAULT_SORT = "accuracy"


@dataclass(frozen=True, kw_only=True, slots=True)
class TableChoice:
    """The options of a ranked table."""

    sort_by: str = DEFAULT_SORT
    columns: tuple[str, ...] | None = None
    """Keys in order; None for the default columns."""
    form: str = "table"
    brief: bool = False
    """Whether notes and legend are left out."""
    rope: float | None = None
    """Region of practical equivalence over datasets."""
    goal: Goal | None = None
    """Validation accuracy for which time, energy and cost are wanted."""
    declared: tuple[Column, ...] = ()
    """Columns of the catalog's metrics, if a catalog has been loaded."""
    versions: Mapping[str, int] = field(default_factory=dict)
    """Versions of the catalog's metrics, by name."""
    foreign: Mapping[str, Entry[ReportFormat]] = field(default_factory=dict)
    """Report formats of plugins by short or full name, if a catalog has been loaded."""

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> TableChoice:
        """Return the choice that ``--sort-by``, ``--columns``, ``--format`` and ``--brief`` make."""
        return cls(
            sort_by=_key_of(params["sort_by"] or DEFAULT_SORT),
            columns=tuple(map(_key_of, split_commas(params["columns"]))) or None,
            form=params["form"],
            brief=params["brief"],
        )

    def declare(self, catalog: Catalog) -> TableChoice:
        """Return the same choice with the catalog's report formats, and the columns and versions of its metrics."""
        declared = MetricDeclarations.of(catalog)
        return replace(self, declared=declared.columns, versions=declared.versions, foreign=formats_of(catalog))

    def know_versions(self, catalog: Catalog) -> TableChoice:
        """Return the same choice with the versions of the catalog's metrics, and the metrics of fixed columns."""
        from reports.leaderboard.all_columns import COLUMNS, metric_columns

        fixed = {column.key for column in COLUMNS}
        declared = metric_columns((entry.display_name, entry.record) for entry in catalog.metrics)
        declared = tuple(column for column in declared if column.key in fixed)
        return replace(
            self, declared=declared, versions={entry.display_name: entry.record.version for entry in catalog.metrics}
        )

    def check(self, metrics: Iterable[str] = ()) -> None:
        """Check columns and format.

        Args:
            metrics: Metrics that exist beyond the declared ones.

        Raises:
            UsageError: If a column or format does not exist; all mistakes are reported together.
        """
        from reports.leaderboard.all_columns import COLUMNS
        from reports.leaderboard.goals import COST_KEY, GOAL_KEYS
        from zoo.errors import ManyErrors, UsageError, ZooError

        more = dict.fromkeys([*(column.key for column in self.declared), *metrics, *GOAL_KEYS])
        errors: list[ZooError] = []
        for name in dict.fromkeys([*(self.columns or ()), self.sort_by]):
            if name in GOAL_KEYS and (self.goal is None or name not in self.goal.keys):
                needs = "--price-per-hour PRICE" if name == COST_KEY and self.goal else "--to-accuracy PERCENT"
                errors.append(UsageError(f"the column {name} needs {needs}, an option of zoo rank"))
        sortable = list(dict.fromkeys([*(column.key for column in COLUMNS if column.value is not None), *more]))
        known = list(dict.fromkeys([*(column.key for column in COLUMNS), *more]))
        errors += _unknown("column to sort by", [self.sort_by], sortable, "columns")
        errors += _unknown("column", self.columns or (), known, "columns")
        errors += _unknown("format", [self.form], [*REPORT_FORMATS, *self.foreign], "formats")
        if self.columns and self.form in self.foreign:
            errors.append(UsageError(f"--columns works with built-in formats only; {self.form} comes from a plugin"))
        ManyErrors.raise_if(errors)

    def for_trials(self, trials: Sequence[Trial]) -> TableChoice:
        """Return the same choice without metrics that no trial has, and warn about them."""
        from reports.leaderboard.all_columns import COLUMNS
        from reports.leaderboard.further_sets import further_keys
        from reports.leaderboard.table import estimate_of

        # A record without dataset facts gives no numbers, and a metric may be undefined for all trials.
        present = {column.key for column in COLUMNS} | set(further_keys(record for _, record in trials))
        present |= set(self.goal.keys if self.goal else ())
        for _, record in trials:
            for name, metric in record.metrics.items() if record.data is not None else ():
                if name not in present and estimate_of([metric.value]) is not None:
                    present.add(name)
        for name in dict.fromkeys([*(self.columns or ()), self.sort_by]):
            if name not in present:
                complain(f"no trial has a value for {name!r}; the table leaves it out")
        return replace(
            self,
            columns=tuple(name for name in self.columns or () if name in present) or None,
            sort_by=self.sort_by if self.sort_by in present else DEFAULT_SORT,
        )

    def build(self, trials: Sequence[Trial], notes: Sequence[str] = ()) -> tuple[Leaderboard, list[Column] | None]:
        """Return the leaderboard, and the columns to show."""
        from reports.leaderboard.all_columns import choose_columns
        from reports.leaderboard.building import build_leaderboard

        leaderboard = build_leaderboard(
            trials,
            sort_by=self.sort_by,
            declared=self.declared,
            versions=self.versions,
            notes=notes,
            rope=self.rope,
            goal=self.goal,
        )
        if self.columns is None:
            return leaderboard, None
        return leaderboard, list(choose_columns(leaderboard, self.columns, self.declared))

    def show(
        self,
        leaderboard: Leaderboard,
        columns: Sequence[Column] | None,
        explanations: Sequence[RankExplanation] | None = None,
    ) -> None:
        """Print a table: in colour and as wide as the terminal, or, without one, as wide as ``COLUMNS`` says."""
        if self.form == "table" and sys.stdout.isatty():
            from rich.console import Console

            from reports.render.explanation import explanation_text
            from reports.render.terminal import render_terminal

            Console().print(render_terminal(leaderboard, columns, width=terminal_width(), brief=self.brief))
            if explanations is not None:
                click.echo("\n" + explanation_text(explanations, width=terminal_width()), nl=False)
            return
        click.echo(self.text(leaderboard, columns, explanations, width=terminal_width()), nl=False)

    def text(
        self,
        leaderboard: Leaderboard,
        columns: Sequence[Column] | None,
        explanations: Sequence[RankExplanation] | None = None,
        *,
        width: int | None = None,
    ) -> str:
        """Return a table as text that ends with a line break.

        Args:
            leaderboard: The leaderboard to show.
            columns: The columns to show; None for the default columns.
            explanations: Explanations of the ranks, to follow the table.
            width: Width of a terminal; None leaves nothing out.

        Raises:
            PluginError: If a plugin's format fails.
        """
        from reports.render.explanation import explanation_text
        from reports.render.json import render_json
        from reports.render.writing import render

        if explanations is not None and self.form == "json":
            return render_json(leaderboard, columns, explanations)
        if self.form in self.foreign:
            return render_foreign(self.foreign[self.form], leaderboard).rstrip("\n") + "\n"
        text = render(leaderboard, self.form, columns, width=width, brief=self.brief).rstrip("\n") + "\n"
        return text if explanations is None else text + "\n" + explanation_text(explanations, width=width)

    def write_files(self, store: Path) -> list[Path]:
        """Write the leaderboard files of a store beside its records, and return their paths.

        If the format of a plugin fails, a warning is printed and the other files are written.
        """
        declared = MetricDeclarations(columns=self.declared, versions=self.versions)
        written, problems = write_tables(store, declared, self.foreign.values())
        for problem in problems:
            complain(problem)
        return written

    def follow_suffix(self, suffix: str) -> TableChoice:
        """Return the same choice in the plugin format with that file suffix, if exactly one has it."""
        fitting = {entry.full_name for entry in self.foreign.values() if entry.record.suffix == suffix}
        return replace(self, form=fitting.pop()) if len(fitting) == 1 else self


def import_what_tables_take() -> None:
    """Import the statistics and the rendering that a table takes: by whoever has nothing else to do."""
    import scipy.special  # noqa: F401

    import reports.leaderboard.building
    import reports.render.terminal
    import reports.render.writing  # noqa: F401


def _key_of(name: str) -> str:
    """Return the key of the column with *name* as its key or, if only one has it, as its title, with or without %."""
    from reports.leaderboard.all_columns import COLUMNS

    if any(column.key == name for column in COLUMNS):
        return name
    title = name.casefold().removesuffix("%").strip()
    found = [column.key for column in COLUMNS if column.title.casefold().removesuffix("%").strip() == title]
    return found[0] if len(found) == 1 else name


def _unknown(kind: str, given: Sequence[str], known: Sequence[str], plural: str) -> list[Any]:
    from zoo.errors import UnknownNameError
    from zoo.names import near_names

    errors = []
    for name in given:
        if name not in known:
            near = [each for each in known if each.startswith(name)][:3] or near_names(name, known)
            # The full list is long, so it is given only if no name is near.
            hint = "" if near else f"({plural}: {', '.join(known)})"
            errors.append(UnknownNameError(kind, name, near=near, hint=hint))
    return errors
