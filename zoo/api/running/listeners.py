"""Listeners: passes every event to the display and to all listeners, and disconnects those that raise or hang."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from dataclasses import fields, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from zoo.calling.containment import cause_of, contained
from zoo.catalog import Entry, Provider
from zoo.events import Event
from zoo.listener import Listener

Consumer = Callable[[Event], None]

PATIENCE_SECONDS = 60.0
"""Time limit of a call: enough to import a tracker from a slow disk, or for retries of a server."""


class TooSlowError(Exception):
    """A call of a listener exceeded its time limit."""


class _RaisedError(Exception):
    """A listener raised its cause, which may be of any kind; a ``KeyboardInterrupt`` in a thread is not the user's."""


class FanOut:
    """Calls zoo's own consumer, and then each listener, with every event.

    A listener cannot stop or change a bench: one that raises, or takes longer than *patience* seconds for a call, is
    disconnected, and each gets events of its own. Exceptions of zoo's own consumer propagate.
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
        self._connected: dict[str, Consumer] = {}
        for entry in listeners:
            self._open(entry, store)

    def __call__(self, event: Event) -> None:
        self._own(event)
        for name, receive in list(self._connected.items()):
            try:
                receive(_copied(event))
            except (TooSlowError, _RaisedError) as error:
                del self._connected[name]
                self._tell(f"listener {name!r} failed and is disconnected: {_cause(error)}")

    def _open(self, entry: Entry[Listener], store: Path) -> None:
        thread = _Thread(f"listener {entry.display_name}", entry.provider)

        def open_it(folder: Path) -> Consumer:
            receive = entry.record.open(folder)
            if not callable(receive):
                raise TypeError(f"open returned {type(receive).__name__}; expected a function")
            return receive

        try:
            receive = thread.call(open_it, store, self._patience)
        except (TooSlowError, _RaisedError) as error:
            self._tell(f"listener {entry.display_name!r} could not be opened: {_cause(error)}")
        else:
            self._connected[entry.display_name] = lambda event: thread.call(receive, event, self._patience)


def _cause(error: TooSlowError | _RaisedError) -> str:
    return cause_of(error.__cause__ or error)


def _copied(event: Event) -> Event:
    """Return an event that shares nothing that can be changed with *event*."""
    changed = {
        field.name: _copy(value)
        for field in fields(event)
        if isinstance(value := getattr(event, field.name), (dict, list))
    }
    return replace(event, **changed) if changed else event


def _copy(value: Any) -> Any:
    # Much faster than copy.deepcopy for a confusion matrix of a thousand classes.
    if isinstance(value, dict):
        return {key: _copy(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_copy(each) if isinstance(each, (dict, list)) else each for each in value]
    return value


class _Thread:
    """A thread that calls one listener, in order. If it hangs, it is abandoned, and ends with the process."""

    def __init__(self, name: str, provider: Provider) -> None:
        self._name, self._provider = name, provider
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[Any], Any], Any]] = SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def call(self, function: Callable[[Any], Any], argument: object, patience: float) -> Any:
        """Call a function in the thread and return its result.

        Raises:
            TooSlowError: If the call takes longer than *patience* seconds.
            _RaisedError: If the function raises anything; it is the cause.
        """
        future: Future[Any] = Future()
        self._calls.put((future, function, argument))
        if not wait([future], timeout=patience).done:
            raise TooSlowError(f"it took longer than {patience:g} s")
        if (error := future.exception()) is not None:
            raise _RaisedError from error
        return future.result()

    def _work(self) -> None:
        while True:
            future, function, argument = self._calls.get()
            try:
                with contained(f"calling {self._name}", self._provider):
                    result = function(argument)
                future.set_result(result)
            except BaseException as error:  # it is told where the call was made
                future.set_exception(error)
