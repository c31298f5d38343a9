"""Listeners: the function that ``open`` returns takes every event."""

from __future__ import annotations

from pathlib import Path

from zoo.events import Event, Progress
from zoo.listener import Listener


def test_a_listener_opens_a_function_that_takes_events(tmp_path: Path) -> None:
    heard: list[tuple[Path, Event]] = []
    listener = Listener(name="ear", open=lambda store: lambda event: heard.append((store, event)))
    listener.open(tmp_path)(Progress(message="decoding"))
    assert heard == [(tmp_path, Progress(message="decoding"))]
