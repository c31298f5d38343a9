"""One batch ahead: the same batches in the same order, made in a second thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from harness.batches.ahead import one_ahead
from harness.system import own_time
from harness.system.own_time import helpers_counted, own_clock


def test_the_batches_are_the_same_and_made_in_another_thread() -> None:
    makers = set()

    def batches() -> Iterator[int]:
        for number in range(5):
            makers.add(threading.current_thread())
            yield number

    assert list(one_ahead(batches())) == [0, 1, 2, 3, 4]
    assert len(makers) == 1
    assert threading.current_thread() not in makers
    assert not makers.pop().is_alive()


def test_no_batches_are_none() -> None:
    assert list(one_ahead(iter(()))) == []


def test_one_is_made_ahead_and_no_more() -> None:
    made: list[int] = []
    second = threading.Event()

    def batches() -> Iterator[int]:
        for number in range(5):
            made.append(number)
            if number == 1:
                second.set()
            yield number

    ahead = one_ahead(batches())
    assert next(ahead) == 0
    assert second.wait(10)
    assert made == [0, 1]
    ahead.close()  # type: ignore[attr-defined]


def test_an_error_is_raised_in_place_of_its_batch() -> None:
    def batches() -> Iterator[int]:
        yield 0
        raise ZeroDivisionError

    ahead = one_ahead(batches())
    assert next(ahead) == 0
    with pytest.raises(ZeroDivisionError):
        next(ahead)


def test_what_others_take_from_the_maker_is_left_out_of_the_time_that_is_waited_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = {"MainThread": 0.0}
    monkeypatch.setattr(own_time, "taken_seconds", lambda: taken.get(threading.current_thread().name, 1e6))
    with helpers_counted():
        before, began = own_clock(), time.monotonic()
        assert list(one_ahead(iter(range(3)))) == [0, 1, 2]
        wall = time.monotonic() - began
        # The first batch would have been there at once; the waits for the others are not made shorter by it again.
        assert -1e-3 <= own_clock() - before <= wall + 1e-3
    monkeypatch.setattr(own_time, "taken_seconds", lambda: pytest.fail("nobody counts"))
    assert list(one_ahead(iter(range(3)))) == [0, 1, 2]
