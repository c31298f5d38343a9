"""Interruption: the user's request to stop is told from what a plugin raises."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from zoo.calling.interruption import Interruption


@pytest.fixture
def interruption() -> Iterator[Interruption]:
    """One that listens to SIGINT."""
    before, hook = signal.getsignal(signal.SIGINT), sys.unraisablehook
    made = Interruption()
    made.listen(signal.SIGINT)
    yield made
    signal.signal(signal.SIGINT, before)
    sys.unraisablehook = hook


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


def test_a_request_that_is_lost_where_python_ignores_exceptions_is_raised_again(
    interruption: Interruption, capfd: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C in a callback of pydantic's while a bench was planned: it went on, and ran to its end."""

    class Finalized:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0)  # where the signal is handled

    def finalize() -> None:
        Finalized()
        time.sleep(10)

    with pytest.raises(KeyboardInterrupt):
        finalize()
    assert interruption.count == 2
    assert "ignored" not in capfd.readouterr().err


def test_another_exception_that_is_ignored_is_still_told(
    interruption: Interruption, capsys: pytest.CaptureFixture[str]
) -> None:
    class Finalized:
        def __del__(self) -> None:
            raise ValueError("in a finalizer")

    Finalized()
    assert "in a finalizer" in capsys.readouterr().err


def test_a_request_that_came_out_as_something_else_is_known(interruption: Interruption) -> None:
    """Ctrl-C while a class was made was "a bug in zoo": a RuntimeError of Python 3.11, or a SchemaError of pydantic."""
    assert not interruption.is_lost
    with contextlib.suppress(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    assert interruption.is_lost
    interruption.heeded = True
    assert not interruption.is_lost
