"""The leaderboard as a pandas data frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.leaderboard.all_columns import all_columns
from reports.leaderboard.columns.column import plain_cells
from reports.leaderboard.leaderboard import Leaderboard
from reports.leaderboard.overall import overall_plain

if TYPE_CHECKING:
    import pandas as pd


def to_frame(leaderboard: Leaderboard) -> pd.DataFrame:
    """Return all rows of all tables with plain numbers, as in the CSV file."""
    import pandas as pd

    columns = all_columns(leaderboard)
    overall = overall_plain(leaderboard.overall)
    return pd.DataFrame(
        [
            {**plain_cells(row, columns), **({} if overall is None else overall[row.combination])}
            for row in leaderboard.rows
        ]
    )
