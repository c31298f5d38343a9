"""One batch ahead: the same batches in the same order, made in a second thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from harness.batches.ahead import one_ahead


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
