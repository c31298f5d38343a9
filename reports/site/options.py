"""Options of a site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reports.leaderboard.columns.column import Column
from reports.site.commands import Defaults
from reports.site.statuses import RowVerdict


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteOptions:
    """Options of a site."""

    title: str = "Leaderboard"
    single_file: bool = False
    """Whether ``index.html`` contains everything."""
    cache: Path | None = None
    """Cache of decoded datasets, for pictures of test images; None for no pictures."""
    defaults: Defaults = field(default_factory=dict)
    """Settings of recipes, models and datasets that a command need not give."""
    verdicts: Mapping[str, RowVerdict] | None = None
    """How far each row has been verified, by its id; None: as zoo verify saved it beside the runs."""
    declared: tuple[Column, ...] = ()
    """Columns of metrics as a catalog declares them."""
