"""Listeners: every event to everyone who asked. One that raises is told of once, and hears no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from zoo.catalog import Entry
from zoo.events import Event
from zoo.listener import Listener

Consumer = Callable[[Event], None]


class FanOut:
    """Calls zoo's own consumer, then each listener, with every event.

    A listener cannot stop a bench: whatever it raises but a keyboard interrupt costs the listener only. What zoo's own
    consumer raises goes through.
    """

    def __init__(self, own: Consumer, listeners: Iterable[Entry[Listener]], store: Path, tell: Callable[[str], None]):
        self._own = own
        self._tell = tell
        self._hearing: dict[str, Consumer] = {}
        for entry in listeners:
            self._open(entry, store)

    def __call__(self, event: Event) -> None:
        self._own(event)
        for name, hear in list(self._hearing.items()):
            try:
                hear(event)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # a plugin may raise anything, SystemExit included
                del self._hearing[name]
                self._tell(f"listener {name!r} failed and hears no more: {told(error)}")

    def _open(self, entry: Entry[Listener], store: Path) -> None:
        try:
            hear = entry.record.open(store)
            if not callable(hear):
                raise TypeError(f"open returned {type(hear).__name__}, not something that can be called")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # as above
            self._tell(f"listener {entry.display_name!r} could not be opened: {told(error)}")
        else:
            self._hearing[entry.display_name] = hear


def told(error: BaseException) -> str:
    """Return what a plugin raised as part of a sentence."""
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
