"""Report formats of plugins, rendered so that a failure affects only its own format."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.leaderboard.leaderboard import Leaderboard
    from zoo.catalog import Entry
    from zoo.report_format import ReportFormat


def render_foreign(entry: Entry[ReportFormat], leaderboard: Leaderboard) -> str:
    """Return a leaderboard in a plugin's format.

    Raises:
        PluginError: If the plugin raises anything, exits or returns no text.
    """
    from zoo.calling.containment import cause_of, contained
    from zoo.errors import PluginError

    try:
        with contained(f"rendering report format {entry.display_name!r}", entry.provider):
            text = entry.record.render(copy.deepcopy(leaderboard))  # zoo's own formats and other plugins' come after it
            if not isinstance(text, str):
                raise TypeError(f"render returned {type(text).__name__}, not str")
            text.encode("utf-8")
    except Exception as error:  # a plugin may raise anything
        owner = f"plugin {entry.provider.name!r} ({entry.provider.origin_sentence})"
        raise PluginError(f"report format {entry.display_name!r} of {owner} failed: {cause_of(error)}") from error
    return text


def file_name(entry: Entry[ReportFormat]) -> str:
    """Return the name of the file that a bench writes in this format, which differs from all of zoo's own."""
    return f"leaderboard.{entry.display_name.replace('/', '-')}{entry.record.suffix}"
