"""Counting: a line that appears on terminals only, and only for work that takes a while."""

from __future__ import annotations

import io
from typing import Any

from zoo.cli.display.counting import counted


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(stream: io.StringIO, clock: Any, *, seconds: float) -> str:
    for _ in counted(range(5), "image", stream, clock=clock):
        clock.now += seconds
    return stream.getvalue()


def test_long_work_is_counted_on_a_terminal_and_the_line_is_erased(clock: Any) -> None:
    shown = run(Terminal(), clock, seconds=0.5)
    assert "\r2 images, 2/s" in shown
    assert "\r5 images, 2/s" in shown
    assert shown.endswith("\r" + " " * len("5 images, 2/s") + "\r")


def test_nothing_is_shown_for_short_work_or_in_a_file(clock: Any) -> None:
    assert run(Terminal(), clock, seconds=0.1) == ""
    assert run(io.StringIO(), clock, seconds=5) == ""


def test_the_line_is_erased_where_the_work_fails(clock: Any) -> None:
    stream = Terminal()
    items = counted(iter([1, 2]), "image", stream, clock=clock)
    next(items)
    clock.now += 3
    next(items)
    items.close()
    assert stream.getvalue().endswith(" \r")
