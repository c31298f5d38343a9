"""Checks of report formats; the table in :mod:`zoo.testing.checks` gives their rationales."""

from __future__ import annotations

import copy
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from reports.leaderboard.leaderboard import Leaderboard
from zoo.report_format import ReportFormat
from zoo.testing.check_errors import CheckFailedError
from zoo.testing.global_state import require_no_side_effects
from zoo.testing.leaderboards import empty_leaderboards, odd_leaderboard, small_leaderboard
from zoo.testing.subjects import Subject

_LATER_SECONDS = 1.1
"""Time between two renderings, which shows in a timestamp."""


def renders_a_leaderboard(subject: Subject[ReportFormat]) -> None:
    if not _render(subject, small_leaderboard(), "a small leaderboard").strip():
        raise CheckFailedError("render returned no text for a leaderboard with rows")


def renders_odd_names(subject: Subject[ReportFormat]) -> None:
    _render(subject, odd_leaderboard(), "a leaderboard with odd names")


def renders_empty_leaderboards(subject: Subject[ReportFormat]) -> None:
    for what, leaderboard in empty_leaderboards().items():
        _render(subject, leaderboard, f"a leaderboard {what}")


def rendering_is_repeatable(subject: Subject[ReportFormat]) -> None:
    leaderboard = small_leaderboard()
    before = copy.deepcopy(leaderboard)
    first = _render(subject, leaderboard, "a small leaderboard")
    if leaderboard != before:
        raise CheckFailedError("render changes the leaderboard, which other formats get after it")
    time.sleep(_LATER_SECONDS)
    if _render(subject, copy.deepcopy(leaderboard), "a small leaderboard") != first:
        raise CheckFailedError("the same leaderboard gives another text the second time")


def format_has_no_side_effects(subject: Subject[ReportFormat]) -> None:
    leaderboard = small_leaderboard()
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="zoo-kit-") as folder:
        os.chdir(folder)
        try:
            require_no_side_effects(lambda: subject.record.render(leaderboard), "rendering")
            written = sorted(path.name for path in Path(folder).iterdir())
        finally:
            os.chdir(before)
    if written:
        raise CheckFailedError(f"render writes {', '.join(written[:5])}; it returns the text, which zoo writes")


def _render(subject: Subject[ReportFormat], leaderboard: Leaderboard, what: str) -> str:
    try:
        text: Any = subject.record.render(leaderboard)
    except (Exception, SystemExit) as error:
        raise CheckFailedError(f"{what}: {type(error).__name__}: {error}") from error
    if not isinstance(text, str):
        raise CheckFailedError(f"{what}: render returned {type(text).__name__}, not str")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise CheckFailedError(f"{what}: the text cannot be written as UTF-8: {error}") from error
    return text
