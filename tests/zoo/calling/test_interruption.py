"""Interruption: the user's request to stop is told from what a plugin raises."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from zoo.calling.interruption import Interruption


@pytest.fixture
def interruption() -> Iterator[Interruption]:
    """One that listens to SIGINT."""
    before = signal.getsignal(signal.SIGINT)
    made = Interruption()
    made.listen(signal.SIGINT)
    yield made
    signal.signal(signal.SIGINT, before)


def test_a_signal_raises_and_explains_what_was_raised(interruption: Interruption) -> None:
    before = interruption.count
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    assert interruption.explains(before)
    assert not interruption.explains(interruption.count)


def test_a_signal_that_is_heeded_already_raises_no_more_but_counts(interruption: Interruption) -> None:
    interruption.heeded = True
    os.kill(os.getpid(), signal.SIGINT)
    assert interruption.count == 1


def test_with_pythons_own_handler_only_the_main_thread_can_be_interrupted() -> None:
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert Interruption().explains(0)
    with ThreadPoolExecutor(1) as threads:
        assert not threads.submit(Interruption().explains, 0).result()
