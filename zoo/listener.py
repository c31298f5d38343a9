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
    needs: tuple[str, ...] = ()
    """What trials save for it beside their predictions: ``("features",)``, those of the test images, in
    ``predictions.safetensors`` of the trial's folder. Trials that were finished before have none."""

    def __post_init__(self) -> None:
        check_name(self.name, "listener name")
        if self.namespace:
            check_name(self.namespace, "namespace")
        if not set(self.needs) <= {"features"}:
            raise ValueError(f"listener {self.name!r}: needs is a tuple of features, got {self.needs!r}")
        if not callable(self.open):
            raise ValueError(f"listener {self.name!r}: open must be callable")
        check_dependencies((), self.libraries, f"listener {self.name!r}")
