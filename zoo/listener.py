"""Listeners: receivers of the events of a running bench, such as experiment trackers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zoo.dependencies import check_dependencies
from zoo.events import Event
from zoo.names import check_name


@dataclass(frozen=True, kw_only=True, slots=True)
class Listener:
    """A receiver of every event of a bench.

    A listener cannot change or stop a bench: one that raises, or takes longer than a minute for an event, is reported
    once and then disconnected.
    """

    name: str
    """Name within its namespace."""
    open: Callable[[Path], Callable[[Event], None]]
    """Takes the folder of records and returns a function that is called with each event, in the process of
    ``zoo bench`` and in a separate thread. The function should be quick, since the bench waits for it."""
    summary: str = ""
    """One line that ``zoo list`` shows."""
    libraries: tuple[str, ...] = ()
    """Distributions that it needs beyond those of zoo; a bench says before it trains anything which of them
    are not installed."""
    namespace: str = ""
    """First half of its full name; empty: the name of the plugin."""
    short: bool = True
    """Whether it can be selected by ``name`` alone."""

    def __post_init__(self) -> None:
        check_name(self.name, "listener name")
        if self.namespace:
            check_name(self.namespace, "namespace")
        if not callable(self.open):
            raise ValueError(f"listener {self.name!r}: open must be callable")
        check_dependencies((), self.libraries, f"listener {self.name!r}")
