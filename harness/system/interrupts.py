"""Interrupts: counting Ctrl-C and SIGTERM, so that the bench can decide where to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from zoo.calling.interruption import INTERRUPTION


class Interrupts:
    """Counts Ctrl-C and SIGTERM, so that the bench can decide where to stop."""

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Count them in the body, instead of what they do else; a request that was lost before counts too."""
        self.count += INTERRUPTION.is_lost
        if threading.current_thread() is not threading.main_thread():
            yield  # signals reach only the main thread, whose owner handles them
            return

        def on_signal(_number: int, _frame: FrameType | None) -> None:
            self.count += 1

        before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
