"""Interrupts are counted while a bench runs, whatever the process inherited, and handlers are restored."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from harness.system.interrupts import Interrupts
from zoo.calling.interruption import INTERRUPTION


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_each_signal_counts_and_raises_nothing(number: signal.Signals) -> None:
    interrupts = Interrupts()
    with interrupts.caught():
        for _ in range(2):
            signal.raise_signal(number)
    assert interrupts.count == 2


def test_a_process_that_was_started_with_ctrl_c_ignored_counts_it_too() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    interrupts = Interrupts()
    with interrupts.caught():
        signal.raise_signal(signal.SIGINT)
    assert interrupts.count == 1
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_handlers_are_restored_after_an_error() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with pytest.raises(ValueError, match="any"), Interrupts().caught():
        raise ValueError("any")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_signal_from_another_thread_is_counted() -> None:
    interrupts = Interrupts()
    with interrupts.caught():
        thread = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT))
        thread.start()
        thread.join()
        end = time.monotonic() + 10
        while not interrupts.count and time.monotonic() < end:
            time.sleep(0.01)
    assert interrupts.count == 1


def test_outside_the_main_thread_handlers_stay() -> None:
    before, seen = signal.getsignal(signal.SIGINT), []

    def catch() -> None:
        with Interrupts().caught():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=catch)
    thread.start()
    thread.join()
    assert seen == [before]


def test_a_request_that_was_lost_before_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in a callback that drops exceptions: the bench whose plan was being made ran to its end."""
    monkeypatch.setattr(INTERRUPTION, "count", 1)
    monkeypatch.setattr(INTERRUPTION, "heeded", False)
    interrupts = Interrupts()
    with interrupts.caught():
        assert interrupts.count == 1
