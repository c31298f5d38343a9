"""Listeners: what else should hear of a bench while it runs, such as an experiment tracker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zoo.events import Event
from zoo.names import check_name


@dataclass(frozen=True, kw_only=True, slots=True)
class Listener:
    """Something that hears every event of a bench.

    A listener cannot change or stop a bench: one that raises, or takes a minute over an event, is told of once and
    hears no more.
    """

    name: str
    """Its name within its namespace."""
    open: Callable[[Path], Callable[[Event], None]]
    """Given the folder of records, returns what is called with each event, in the process of ``zoo bench`` and in a
    thread of its own. It should be quick: the bench waits for it."""
    summary: str = ""
    """One line for ``zoo list``."""
    namespace: str = ""
    """First half of its full name; empty means the plugin's own name."""
    short: bool = True
    """Whether it may be selected by ``name`` alone."""

    def __post_init__(self) -> None:
        check_name(self.name, "listener name")
        if self.namespace:
            check_name(self.namespace, "namespace")
        if not callable(self.open):
            raise ValueError(f"listener {self.name!r}: open must be callable")
