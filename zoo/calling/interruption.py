"""Interruption: whether the user asked this process to stop, or a plugin raised ``KeyboardInterrupt`` itself."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_AGAIN_SECONDS = 0.02
"""How soon a request is repeated whose exception was lost."""


class Interruption:
    """The requests to stop that reached this process as signals."""

    def __init__(self) -> None:
        self.count = 0
        self._last: int | None = None
        self.heeded = False
        """Whether the process is stopping already: from then on, a request must not break off what it does last."""

    def listen(self, *signals: int) -> None:
        """Raise ``KeyboardInterrupt`` in the main thread whenever one of *signals* arrives.

        Where Python ignores exceptions, as in finalizers and in callbacks of libraries, it would be lost: it is then
        raised again a moment later, elsewhere.
        """
        self.heeded = False
        for number in signals:
            signal.signal(number, self._on_signal)
        sys.unraisablehook = self._on_unraisable

    @property
    def is_lost(self) -> bool:
        """Whether a request has ended nothing, since whoever was interrupted turned its exception into something else.

        While nobody else handles the signals, the process would not go on after a request.
        """
        return self.count > 0 and not self.heeded

    def explains(self, count_before: int) -> bool:
        """Return whether a ``KeyboardInterrupt`` that was just caught is the user's and not a plugin's.

        Args:
            count_before: Value of ``count`` before the plugin's code was called.
        """
        if self.count > count_before:
            return True
        # Without a handler of zoo, as in a notebook, that of Python cannot tell; other threads never get signals.
        is_main = threading.current_thread() is threading.main_thread()
        return is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self.count += 1
        self._last = number
        if not self.heeded:
            raise KeyboardInterrupt

    def _on_unraisable(self, lost: UnraisableHookArgs) -> None:
        if not issubclass(lost.exc_type, KeyboardInterrupt) or self._last is None:
            sys.__unraisablehook__(lost)
            return
        # From another thread, as it would be raised and lost right here.
        again = threading.Timer(_AGAIN_SECONDS, signal.raise_signal, (self._last,))
        again.daemon = True
        again.start()


INTERRUPTION = Interruption()
"""The only one: signals are sent to processes."""
