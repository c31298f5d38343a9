"""The leaderboard: one table for each dataset, and an overall table if there are several. Plain data."""

from __future__ import annotations

from dataclasses import dataclass

from reports.leaderboard.columns.column import RankBasis
from reports.leaderboard.overall import Overall
from reports.leaderboard.table import Row, Table


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaderboard:
    """One table for each dataset."""

    tables: tuple[Table, ...]
    sort_by: str
    """Key of the column that ranks are based on."""
    basis: RankBasis = RankBasis.TESTED
    """Whether ranks are tested, follow exact values, or are not given."""
    notes: tuple[str, ...] = ()
    """Notes on all tables."""
    overall: Overall | None = None
    """Rows compared over all datasets; None with fewer than two datasets, or fewer than two rows on all of them."""

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows of all tables."""
        return tuple(row for table in self.tables for row in table.rows)
