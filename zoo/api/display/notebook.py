"""The progress of a bench from Python: lines on stderr, or in one place of a notebook's cell, kept up to date."""

from __future__ import annotations

import html
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from zoo.api.display.lines import Lines
from zoo.api.display.progress import ExpectedTimes
from zoo.errors import UnknownNameError
from zoo.names import near_names

SHOWN_LINES = 12
"""Lines that a cell shows; earlier ones scroll out."""
WAYS = ("auto", "lines", "nothing")


@contextmanager
def showing(way: str, expected: ExpectedTimes | None = None) -> Iterator[Lines]:
    """Yield what shows the progress of a bench: ``auto`` is a live display in a notebook, and lines elsewhere.

    Raises:
        UnknownNameError: If there is no such way.
    """
    if way not in WAYS:
        hint = f"({', '.join(WAYS)})"
        raise UnknownNameError("way to show progress", way, near=near_names(way, WAYS), hint=hint)
    progress = Lines(_writer(way), expected=expected)
    try:
        yield progress
    finally:
        progress.close()


def _writer(way: str) -> Callable[[str], None]:
    if way == "nothing":
        return lambda line: None
    if way == "auto" and (handle := _cell()) is not None:
        return CellLines(handle)
    return lambda line: print(line, file=sys.stderr, flush=True)


def _cell() -> Any:
    """Return a place in the output of the running cell; None outside of notebooks."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is None or getattr(shell, "kernel", None) is None:
        return None
    from IPython.display import display

    return display({"text/plain": "starting"}, raw=True, display_id=True)


class CellLines:
    """Writes lines into one place of a cell's output, of which it keeps the last ones.

    Args:
        handle: What ``IPython.display.display`` returned for that place.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self._lines: deque[str] = deque(maxlen=SHOWN_LINES)

    def __call__(self, line: str) -> None:
        self._lines.append(line)
        text = "\n".join(self._lines)
        # Both, since a viewer without HTML shows the text.
        self._handle.update({"text/html": f"<pre>{html.escape(text)}</pre>", "text/plain": text}, raw=True)
