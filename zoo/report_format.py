"""Report formats: additional formats of the ranked table."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from zoo.dependencies import check_dependencies
from zoo.names import check_name


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportFormat:
    """A format of the ranked table, selected with ``--format`` and written by a bench beside its records.

    If it fails, a sentence reports why, and the other files are still written.
    """

    name: str
    """Name within its namespace: ``rst``."""
    render: Callable[[Any], str]
    """Takes the leaderboard (``reports.leaderboard.leaderboard.Leaderboard``: ``tables`` of ``rows``) and returns the
    whole text. It must depend on nothing else, so that the same records give the same bytes."""
    suffix: str = ".txt"
    """Suffix of its files, with the dot: ``.rst``."""
    summary: str = ""
    """One line that ``zoo plugins`` shows."""
    libraries: tuple[str, ...] = ()
    """Distributions that it needs beyond those of zoo; a bench says before it trains anything which of them
    are not installed."""
    namespace: str = ""
    """First half of its full name; empty: the name of the plugin."""
    short: bool = True
    """Whether it can be selected by ``name`` alone."""

    def __post_init__(self) -> None:
        check_name(self.name, "report format name")
        if self.namespace:
            check_name(self.namespace, "namespace")
        if not callable(self.render):
            raise ValueError(f"report format {self.name!r}: render must be callable")
        check_dependencies((), self.libraries, f"report format {self.name!r}")
        if not re.fullmatch(r"\.[a-z0-9]{1,10}", self.suffix, re.ASCII):
            raise ValueError(f"report format {self.name!r}: suffix must be like '.rst', got {self.suffix!r}")
