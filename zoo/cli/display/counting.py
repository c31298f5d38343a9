"""Counting: a line on a terminal that shows how many items are done, while more are processed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO, TypeVar

from zoo.text import plural

ItemT = TypeVar("ItemT")

DELAY_SECONDS = 1.0
"""Nothing is shown for work that takes less time than this."""
_INTERVAL_SECONDS = 0.2


def counted(
    items: Iterable[ItemT], noun: str, stream: TextIO, *, clock: Callable[[], float] = time.monotonic
) -> Iterator[ItemT]:
    """Yield *items*, and show their number and rate on *stream*, if it is a terminal and the work takes a while.

    The line is erased when the items end, so that it never mixes with other output.
    """
    if not stream.isatty():
        yield from items
        return
    start = clock()
    shown_at, width = start + DELAY_SECONDS - _INTERVAL_SECONDS, 0
    try:
        for count, item in enumerate(items, start=1):
            yield item
            now = clock()
            if now - shown_at >= _INTERVAL_SECONDS:
                line = f"{plural(count, noun)}, {count / (now - start):,.0f}/s"
                stream.write("\r" + line.ljust(width))
                stream.flush()
                shown_at, width = now, len(line)
    finally:
        if width:
            stream.write("\r" + " " * width + "\r")
            stream.flush()
