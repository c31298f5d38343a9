"""Interruption: whether the user asked this process to stop, or a plugin raised ``KeyboardInterrupt`` itself."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class Interruption:
    """The requests to stop that reached this process as signals."""

    def __init__(self) -> None:
        self.count = 0
        self.heeded = False
        """Whether the process is stopping already: from then on, a request must not break off what it does last."""

    def listen(self, *signals: int) -> None:
        """Raise ``KeyboardInterrupt`` in the main thread whenever one of *signals* arrives."""
        self.heeded = False
        for number in signals:
            signal.signal(number, self._on_signal)

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

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if not self.heeded:
            raise KeyboardInterrupt


INTERRUPTION = Interruption()
"""The only one: signals are sent to processes."""
