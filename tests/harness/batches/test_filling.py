"""Filling: results in order from any number of threads, at most some of them ahead, and no thread left behind."""

from __future__ import annotations

import threading
import time

import pytest

from harness.batches.filling import FillTask, filled


def squares(numbers, count=5):
    """A task that fills a list with the squares of some numbers."""
    result = [None] * count

    def fill(part):
        result[part] = numbers[part] ** 2

    return FillTask(result=result, fill=fill, num_parts=count)


def expected(number_of_tasks):
    return [[(number + part) ** 2 for part in range(5)] for number in range(number_of_tasks)]


def tasks(number_of_tasks):
    return (squares(range(number, number + 5)) for number in range(number_of_tasks))


@pytest.mark.parametrize("num_threads", [1, 2, 7])
@pytest.mark.parametrize("most_ahead", [1, 3, 50])
def test_results_come_in_order(num_threads, most_ahead):
    assert list(filled(tasks(20), num_threads=num_threads, most_ahead=most_ahead)) == expected(20)


def test_no_tasks_give_no_results():
    assert list(filled(iter(()), num_threads=2, most_ahead=2)) == []


def test_only_some_tasks_are_started_ahead():
    made = []

    def counted():
        for task in tasks(10):
            made.append(task)
            yield task

    coming = filled(counted(), num_threads=2, most_ahead=3)
    next(coming)
    assert len(made) == 3
    next(coming)
    assert len(made) == 4


def test_a_thread_goes_on_with_the_next_task_while_a_part_takes_long():
    released, second_done = threading.Event(), threading.Event()

    def slow(part):
        if part == 0:
            assert second_done.wait(10)
            released.set()

    first = FillTask(result="first", fill=slow, num_parts=3)
    second = FillTask(result="second", fill=lambda part: second_done.set(), num_parts=1)
    assert list(filled([first, second], num_threads=2, most_ahead=2)) == ["first", "second"]
    assert released.is_set()


def test_an_error_comes_in_the_place_of_its_result():
    def broken(part):
        raise OSError(f"part {part}")

    coming = filled([squares(range(5)), FillTask(result=None, fill=broken, num_parts=2)], num_threads=1, most_ahead=2)
    assert next(coming) == expected(1)[0]
    with pytest.raises(OSError, match="part 0"):
        next(coming)


def test_closing_ends_the_threads_without_the_parts_that_wait():
    filled_parts = []

    def slow(part):
        time.sleep(0.01)
        filled_parts.append(part)

    before = threading.active_count()
    coming = filled([squares(range(5)), FillTask(result=None, fill=slow, num_parts=1000)], num_threads=2, most_ahead=2)
    next(coming)
    assert threading.active_count() == before + 2
    coming.close()
    assert threading.active_count() == before
    assert len(filled_parts) < 100
