"""zoo from Python: what a notebook calls. Composes the other packages, as the command line does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from reports.leaderboard.leaderboard import Leaderboard


@dataclass(frozen=True, slots=True)
class Ranking:
    """Results of benches, ranked."""

    leaderboard: Leaderboard

    @property
    def table(self) -> pd.DataFrame:
        """One row for each row of the ranked tables, with the columns of the CSV file and unrounded numbers."""
        from reports.leaderboard.frame import to_frame

        return to_frame(self.leaderboard)

    @property
    def notes(self) -> Sequence[str]:
        """What a reader of all tables should know, such as records that could not be read."""
        return self.leaderboard.notes

    def __str__(self) -> str:
        from reports.render.terminal import terminal_text

        return terminal_text(self.leaderboard)

    def _repr_html_(self) -> str:
        # Cells are escaped by pandas.
        return str(self.table.to_html(max_rows=100, index=False))


def rank(*folders: str | Path, sort_by: str = "accuracy") -> Ranking:
    """Rank the results of earlier benches, as ``zoo rank`` does. Nothing is trained, and torch is not imported.

    Args:
        folders: Result folders, or single trials in them; ``runs`` where none is given.
        sort_by: Key of the column to rank by.

    Raises:
        StoreError: If a folder does not exist or holds no results.
        UnknownNameError: If no column is called *sort_by*.

    Example:
        >>> import zoo
        >>> ranking = zoo.rank("runs")  # doctest: +SKIP
        >>> ranking.table[["model", "accuracy"]]  # doctest: +SKIP
    """
    from reports.leaderboard.building import build_leaderboard
    from zoo.names import DEFAULT_RUNS

    paths = [Path(folder) for folder in folders] or [Path(DEFAULT_RUNS)]
    if sort_by == "accuracy":
        return Ranking(build_leaderboard(paths))
    from reports.leaderboard.columns import metric_columns
    from zoo.loading import Sources, build_catalog

    metrics = build_catalog(Sources(), hooks=("zoo_metrics",)).metrics
    declared = metric_columns((entry.display_name, entry.record) for entry in metrics)
    return Ranking(build_leaderboard(paths, sort_by=sort_by, declared=declared))
