"""Timings: where the wall time of a bench went, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo.cli.display.text import TextColumn, table_lines

if TYPE_CHECKING:
    from harness.bench.timings import Timings

_COLUMNS = (TextColumn(title="wall time"), TextColumn(title="s", right=True), TextColumn(title="share", right=True))
_NAMES = {
    "plan": "loading plugins and planning",
    "probe": "starting processes, importing torch, probing the machine",
    "prepare": "preparing data",
    "start": "starting and ending trials",
    "build": "building networks",
    "wait": "waiting for cores",
    "paused": "waiting while another trial measured speeds",
    "train": "training",
    "test": "testing",
    "measure": "measuring speeds",
    "other": "reading and writing records",
    "idle": "slots without a trial",
    "tables": "ranking and writing tables",
}


def timing_lines(timings: Timings, *, started: float, ended: float) -> list[str]:
    """Return a table of wall times and shares, with a line for the slots.

    Args:
        started: Moment of ``time.monotonic()`` at which the command started.
        ended: When it had shown its results.
    """
    before = max(0.0, timings.began - started)
    seconds = {"plan": before, **timings.wall_seconds(), "tables": max(0.0, ended - started - before - timings.seconds)}
    total = sum(seconds.values())
    ordered = [*(name for name in _NAMES if name in seconds), *(name for name in seconds if name not in _NAMES)]
    rows = [(_NAMES.get(name, name), f"{seconds[name]:.1f}", f"{seconds[name] / total:.0%}") for name in ordered]
    rows.append(("all", f"{total:.1f}", ""))
    lines = table_lines(_COLUMNS, rows, width=None)
    if timings.slots > 1:
        lines.append(f"(times of trials are divided by {timings.slots}, the number that ran at a time)")
    return lines
