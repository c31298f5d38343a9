"""Report formats: ways to write the ranked table that zoo itself does not have."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from zoo.names import check_name


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportFormat:
    """A format that can be asked for with ``--format``, and that a bench writes beside its records.

    What it raises costs this format only: the other files are written, and a sentence says what went wrong.
    """

    name: str
    """Its name within its namespace: ``rst``."""
    render: Callable[[Any], str]
    """Given the leaderboard (``reports.leaderboard.leaderboard.Leaderboard``: ``tables`` of ``rows``), returns the
    whole text. It must depend on nothing else, so that the same records give the same bytes."""
    suffix: str = ".txt"
    """Ending of its files, with the dot: ``.rst``."""
    summary: str = ""
    """One line for ``zoo plugins``."""
    namespace: str = ""
    """First half of its full name; empty means the plugin's own name."""
    short: bool = True
    """Whether it may be selected by ``name`` alone."""

    def __post_init__(self) -> None:
        check_name(self.name, "report format name")
        if self.namespace:
            check_name(self.namespace, "namespace")
        if not callable(self.render):
            raise ValueError(f"report format {self.name!r}: render must be callable")
        if not re.fullmatch(r"\.[a-z0-9]{1,10}", self.suffix, re.ASCII):
            raise ValueError(f"report format {self.name!r}: suffix must be like '.rst', got {self.suffix!r}")
