"""Listeners: passes every event to the display and to all listeners, and disconnects those that raise or hang."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from zoo.catalog import Entry
from zoo.events import Event
from zoo.listener import Listener
from zoo.text import error_text

Consumer = Callable[[Event], None]

PATIENCE_SECONDS = 60.0
"""Time limit of a call: enough to import a tracker from a slow disk, or for retries of a server."""


class TooSlowError(Exception):
    """A call of a listener exceeded its time limit."""


class FanOut:
    """Calls zoo's own consumer, and then each listener, with every event.

    A listener cannot stop a bench: one that raises anything but a keyboard interrupt, or takes longer than *patience*
    seconds for a call, is disconnected. Exceptions of zoo's own consumer propagate.
    """

    def __init__(
        self,
        own: Consumer,
        listeners: Iterable[Entry[Listener]],
        store: Path,
        tell: Callable[[str], None],
        *,
        patience: float = PATIENCE_SECONDS,
    ):
        self._own = own
        self._tell = tell
        self._patience = patience
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
                self._tell(f"listener {name!r} failed and is disconnected: {error_text(error)}")

    def _open(self, entry: Entry[Listener], store: Path) -> None:
        thread = _Thread(f"listener {entry.display_name}")
        try:
            hear = thread.call(entry.record.open, store, self._patience)
            if not callable(hear):
                raise TypeError(f"open returned {type(hear).__name__}; expected a function")
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # as above
            self._tell(f"listener {entry.display_name!r} could not be opened: {error_text(error)}")
        else:
            self._hearing[entry.display_name] = lambda event: thread.call(hear, event, self._patience)


class _Thread:
    """A thread that calls one listener, in order. If it hangs, it is abandoned, and ends with the process."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[Any], Any], Any]] = SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def call(self, function: Callable[[Any], Any], argument: object, patience: float) -> Any:
        """Call a function in the thread; return its result or raise its exception.

        Raises:
            TooSlowError: If the call takes longer than *patience* seconds.
        """
        future: Future[Any] = Future()
        self._calls.put((future, function, argument))
        if not wait([future], timeout=patience).done:
            raise TooSlowError(f"it took longer than {patience:g} s")
        return future.result()

    def _work(self) -> None:
        while True:
            future, function, argument = self._calls.get()
            try:
                future.set_result(function(argument))
            except BaseException as error:  # it is raised where the call was made
                future.set_exception(error)
