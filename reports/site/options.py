"""Options of a site."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reports.leaderboard.column import Column


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteOptions:
    """Options of a site."""

    title: str = "Leaderboard"
    single_file: bool = False
    """Whether ``index.html`` contains everything."""
    cache: Path | None = None
    """Cache of decoded datasets, for pictures of test images; None for no pictures."""
    declared: tuple[Column, ...] = ()
    """Columns of metrics as a catalog declares them."""
