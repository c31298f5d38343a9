"""Differences: two sets of results compared cell by cell, as ``zoo diff`` does."""

from __future__ import annotations

import html
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from reports.comparison.difference import Difference

Folders = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@dataclass(frozen=True, slots=True)
class ResultsDiff:
    """Two sets of results, compared."""

    difference: Difference
    """Every cell with its change in accuracy and speed, and what is only in one set."""

    @property
    def table(self) -> pd.DataFrame:
        """One row for each model, dataset and recipe, with the columns of the CSV format."""
        import pandas as pd

        from reports.render.difference import render_difference

        return pd.read_csv(io.StringIO(render_difference(self.difference, "csv")))

    @property
    def alarms(self) -> tuple[str, ...]:
        """A sentence for each cell that significantly exceeds a limit, or could not be checked."""
        return tuple(self.difference.alarms)

    def __str__(self) -> str:
        from reports.render.difference import render_difference

        return render_difference(self.difference, "table")

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def diff(
    before: Folders,
    after: Folders,
    *,
    margin: float = 1.0,
    max_accuracy_drop: float | None = None,
    max_slowdown: float | None = None,
) -> ResultsDiff:
    """Compare two sets of results. Neither torch nor plugins are imported.

    Args:
        before: A result folder, or several.
        after: The same of the newer results.
        margin: Equivalence margin in percentage points.
        max_accuracy_drop: Largest drop that raises no alarm, in percentage points; None: no limit.
        max_slowdown: Largest factor of slowdown that raises no alarm; None: no limit.

    Raises:
        StoreError: If a folder does not exist or holds no results.

    Example:
        >>> import zoo
        >>> found = zoo.diff("tests/fixtures/store-v1", "tests/fixtures/store-v1")
        >>> found.alarms
        ()
    """
    from reports.comparison.difference import compare
    from reports.trials.reading import Trial, read_trials
    from zoo.errors import ManyErrors, ZooError

    errors: list[ZooError] = []
    sides: list[list[Trial]] = []
    problems: list[str] = []
    names = []
    for folders in (before, after):
        paths = list(_paths(folders))
        names.append(",".join(map(str, paths)))
        try:
            trials, unreadable = read_trials(paths)
        except ZooError as error:
            errors.append(error)
            continue
        sides.append(trials)
        problems += [each for each in unreadable if each not in problems]
    ManyErrors.raise_if(errors)
    first, second = sides
    return ResultsDiff(
        compare(
            first,
            second,
            names=(names[0], names[1]),
            margin=margin / 100,
            max_accuracy_drop=None if max_accuracy_drop is None else max_accuracy_drop / 100,
            max_slowdown=max_slowdown,
            notes=[f"left out: {problem}" for problem in problems],
        )
    )


def _paths(folders: Folders) -> Iterable[Path]:
    several = [folders] if isinstance(folders, str | os.PathLike) else folders
    return map(Path, several)
