"""Dynamic batching: what is run together, in which order, and what becomes of failures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import Any

import pytest

from harness.serving.batcher import Batcher, BatcherClosed, QueueFull

SOON = 20


class Network:
    """Doubles numbers; can be held in the middle of a batch, and keeps the batches that it saw."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.entered = threading.Event()

    def run(self, items: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(items))
        self.entered.set()
        assert self.go_on.wait(SOON)
        if 13 in items:
            raise ValueError("thirteen")
        if 66 in items:
            raise SystemExit(0)
        return [ArithmeticError("seven") if item == 7 else 2 * item for item in items]


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def batcher(network: Network) -> Iterator[Callable[..., Batcher[int, int, int]]]:
    made: list[Batcher[int, int, int]] = []

    def make(**options: Any) -> Batcher[int, int, int]:
        options = {"max_batch": 4, "max_wait_ms": 0, "max_items": 100, **options}
        made.append(Batcher(options.pop("prepare", lambda item: item), network.run, **options))
        return made[-1]

    yield make
    network.go_on.set()
    for each in made:
        each.close()


def _hold(network: Network, batcher: Batcher[int, int, int]) -> None:
    """Have the network be at a batch of its own, so that what comes now gathers."""
    network.go_on.clear()
    batcher.submit([0])
    assert network.entered.wait(SOON)


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def _release(network: Network, batcher: Batcher[int, int, int], num_ready: int) -> None:
    """Let the network go on when at least so many items have gathered."""
    _until(lambda: len(batcher._ready) >= num_ready)
    network.go_on.set()


def test_results_are_in_the_order_of_the_items_whatever_the_batches(batcher: Any) -> None:
    many = batcher(num_threads=4)
    assert many.submit(range(20, 31)).result(SOON) == [2 * item for item in range(20, 31)]


def test_requests_during_a_batch_are_batched_together_up_to_the_maximum_batch_size(
    batcher: Any, network: Network
) -> None:
    few = batcher()
    _hold(network, few)
    futures = [few.submit([item]) for item in (1, 2, 3)] + [few.submit([4, 5, 6])]
    _release(network, few, 6)
    assert [future.result(SOON) for future in futures] == [[2], [4], [6], [8, 10, 12]]
    assert network.batches == [[0], [1, 2, 3, 4], [5, 6]]


def test_an_item_waits_for_others_only_for_the_given_time(batcher: Any, network: Network) -> None:
    patient = batcher(max_wait_ms=60_000)
    first = patient.submit([1])
    patient.submit([2, 3])
    time.sleep(0.02)
    assert network.batches == []
    patient.submit([4])  # the batch is full: nobody waits any more
    assert first.result(SOON) == [2]
    assert network.batches == [[1, 2, 3, 4]]
    brief = batcher(max_wait_ms=30)
    began = time.monotonic()
    assert brief.submit([5]).result(SOON) == [10]
    assert time.monotonic() - began >= 0.03


def test_a_full_queue_takes_no_part_of_a_request_and_gives_a_time_to_retry(batcher: Any, network: Network) -> None:
    small = batcher(max_items=4)
    _hold(network, small)
    fits = small.submit([1, 2])
    with pytest.raises(QueueFull) as refused:
        small.submit([3, 4])
    assert 1 <= refused.value.retry_after <= 60
    assert small.num_held == 3
    network.go_on.set()
    assert fits.result(SOON) == [2, 4]
    _until(lambda: small.num_held == 0)
    assert small.submit([3, 4, 5, 6]).result(SOON) == [6, 8, 10, 12]


def test_an_item_that_cannot_be_prepared_fails_alone(batcher: Any, network: Network) -> None:
    def prepare(item: int) -> int:
        if item < 0:
            raise KeyError(item)
        return item

    first, second, third = batcher(prepare=prepare).submit([1, -1, 3]).result(SOON)
    assert (first, third) == (2, 6)
    assert isinstance(second, KeyError)
    assert all(-1 not in batch for batch in network.batches)


@pytest.mark.parametrize("bad", [13, 66])
def test_an_exception_of_the_network_reaches_only_its_batch(batcher: Any, network: Network, bad: int) -> None:
    few = batcher()
    _hold(network, few)
    lost, kept = few.submit([1, bad]), few.submit([3, 4, 5])
    _release(network, few, 5)
    assert [isinstance(each, ValueError | RuntimeError) for each in lost.result(SOON)] == [True, True]
    assert [isinstance(each, Exception) for each in kept.result(SOON)] == [True, True, False]
    assert few.submit([8]).result(SOON) == [16]


def test_failures_in_a_row_are_counted_until_a_batch_succeeds(batcher: Any) -> None:
    few = batcher()
    for _ in range(3):
        few.submit([13]).result(SOON)
    assert few.failures_in_a_row == 3
    few.submit([1]).result(SOON)
    assert few.failures_in_a_row == 0


def test_a_result_may_be_an_exception_of_one_item(batcher: Any) -> None:
    first, second = batcher().submit([7, 8]).result(SOON)
    assert isinstance(first, ArithmeticError)
    assert second == 16


def test_closing_answers_all_that_was_taken_and_takes_no_more(batcher: Any, network: Network) -> None:
    few = batcher(max_wait_ms=60_000, prepare=lambda item: time.sleep(0.01) or item)
    futures = [few.submit([item]) for item in range(1, 6)]
    few.close()
    assert [future.result(0) for future in futures] == [[2 * item] for item in range(1, 6)]
    assert few.num_held == 0
    with pytest.raises(BatcherClosed):
        few.submit([1])


def test_a_cancelled_request_is_dropped_and_makes_room(batcher: Any, network: Network) -> None:
    small = batcher(max_items=4)
    _hold(network, small)
    gone, stays = small.submit([1, 2]), small.submit([3])
    assert gone.cancel()
    _release(network, small, 1)
    assert stays.result(SOON) == [6]
    with pytest.raises(CancelledError):
        gone.result(0)
    _until(lambda: small.num_held == 0)
    assert network.batches == [[0], [3]]


def test_batches_are_reported_with_their_size_and_time(batcher: Any) -> None:
    told: list[tuple[int, float]] = []
    batcher(max_wait_ms=60_000, on_batch=lambda *each: told.append(each)).submit([1, 2, 3, 4]).result(SOON)
    assert [size for size, _ in told] == [4]
    assert 0 <= told[0][1] < SOON


def test_a_request_of_nothing_is_answered_with_nothing(batcher: Any, network: Network) -> None:
    assert batcher().submit([]).result(0) == []
    assert network.batches == []


def test_many_clients_at_once_each_get_their_own(batcher: Any) -> None:
    many = batcher(max_batch=16, max_items=10_000, num_threads=3)
    found: dict[int, Any] = {}

    def ask(client: int) -> None:
        wanted = [range(100 * client + 1000 * turn + 100, 100 * client + 1000 * turn + 110) for turn in range(5)]
        found[client] = [many.submit(each).result(SOON) == [2 * item for item in each] for each in wanted]

    clients = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert found == {client: [True] * 5 for client in range(8)}
