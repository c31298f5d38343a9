"""Dynamic batching: items that arrive one by one, or a few at a time, are run in batches.

::

    submit ──► prepare, in threads ──► ready ──► run, in one thread: up to max_batch items, or as many as are
                                                 ready once the first has waited for max_wait_ms

While a batch runs, the next one fills up, so batches grow with the load, and a lone item waits no longer than
``max_wait_ms``. Items run in the order in which they become ready; the results of a job are in the order of its items.
An error in preparing an item is the result of that item; an error in running a batch is the result of its items.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")
ReadyT = TypeVar("ReadyT")
ResultT = TypeVar("ResultT")

MAX_RETRY_SECONDS = 60
"""Upper bound of ``Retry-After``, however long the queue is."""

_SMOOTHING = 0.2
"""Weight of the latest batch in the mean time per item."""


class QueueFull(Exception):
    """The queue has no room; ``retry_after`` estimates the seconds until it is empty."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"the queue is full; try again in {retry_after} s")


class BatcherClosed(Exception):
    """The batcher accepts no more items."""


@dataclass(eq=False, slots=True)
class _Job(Generic[ResultT]):
    """Items that were submitted together."""

    results: list[ResultT | Exception | None]
    missing: int
    future: Future[list[ResultT | Exception]] = field(default_factory=Future)


@dataclass(slots=True)
class _Ready(Generic[ReadyT, ResultT]):
    job: _Job[ResultT]
    index: int
    item: ReadyT
    since: float


class Batcher(Generic[ItemT, ReadyT, ResultT]):
    """Runs items in batches.

    Args:
        prepare: Makes an item ready, in one of *num_threads* threads. An exception becomes the item's result.
        run: Takes up to *max_batch* ready items, and returns as many results, any of which may be an exception. An
            exception that it raises becomes the result of all items of the batch. Always called in the same thread.
        max_batch: Maximum number of items per batch.
        max_wait_ms: How long a ready item waits for others while ``run`` is idle.
        max_items: Maximum number of items held at a time, from ``submit`` to their result.
        num_threads: Threads for *prepare*.
        on_batch: Called with the number of items and the seconds of each batch, in the thread that runs batches.
    """

    def __init__(
        self,
        prepare: Callable[[ItemT], ReadyT],
        run: Callable[[Sequence[ReadyT]], Sequence[ResultT | Exception]],
        *,
        max_batch: int,
        max_wait_ms: float,
        max_items: int,
        num_threads: int = 1,
        on_batch: Callable[[int, float], None] = lambda num_items, seconds: None,
    ) -> None:
        self.max_batch, self.max_items = max_batch, max_items
        self._prepare, self._run, self._on_batch = prepare, run, on_batch
        self._max_wait = max_wait_ms / 1000
        self._changed = threading.Condition()
        self._ready: deque[_Ready[ReadyT, ResultT]] = deque()
        self._held = 0
        self._closing = False
        self._seconds_per_item = 0.0
        self._failures = 0
        self._threads = ThreadPoolExecutor(num_threads, thread_name_prefix="prepare")
        # Not a daemon, so that a forgotten close() shows.
        self._runner = threading.Thread(target=self._run_batches, name="run-batches")
        self._runner.start()

    @property
    def num_held(self) -> int:
        """Number of submitted items without a result yet."""
        return self._held

    @property
    def failures_in_a_row(self) -> int:
        """Number of failed batches since the last that succeeded."""
        return self._failures

    def submit(self, items: Sequence[ItemT]) -> Future[list[ResultT | Exception]]:
        """Accept all of *items* or none; cancelling the returned future skips those that are not running yet.

        Raises:
            QueueFull: If more than ``max_items`` would be held.
            BatcherClosed: After :meth:`close`.
        """
        job: _Job[ResultT] = _Job(results=[None] * len(items), missing=len(items))
        if not items:
            job.future.set_result([])
            return job.future
        with self._changed:
            if self._closing:
                raise BatcherClosed("no more items are accepted")
            if self._held + len(items) > self.max_items:
                seconds = math.ceil(self._held * self._seconds_per_item)
                raise QueueFull(min(max(1, seconds), MAX_RETRY_SECONDS))
            self._held += len(items)
            for index, item in enumerate(items):
                self._threads.submit(self._make_ready, job, index, item)
        return job.future

    def close(self) -> None:
        """Accept no more items, and return once all accepted ones have results."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._runner.join()
        self._threads.shutdown()

    def _make_ready(self, job: _Job[ResultT], index: int, item: ItemT) -> None:
        if job.future.cancelled():
            self._settle(job, index, BatcherClosed("cancelled"))
            return
        try:
            ready = self._prepare(item)
        except Exception as error:
            self._settle(job, index, error)
            return
        with self._changed:
            self._ready.append(_Ready(job, index, ready, time.monotonic()))
            # The first item starts the clock, and the one that fills the batch ends the wait.
            if len(self._ready) in (1, self.max_batch):
                self._changed.notify_all()

    def _run_batches(self) -> None:
        while batch := self._next_batch():
            wanted = [each for each in batch if not each.job.future.cancelled()]
            outcomes = self._outcomes([each.item for each in wanted]) if wanted else []
            found = dict(zip(map(id, wanted), outcomes, strict=True))
            for each in batch:
                self._settle(each.job, each.index, found.get(id(each), BatcherClosed("cancelled")))

    def _next_batch(self) -> list[_Ready[ReadyT, ResultT]]:
        """Wait for a batch; an empty one means that the batcher is closed and done."""
        with self._changed:
            while not self._ready:
                if self._closing and not self._held:
                    return []
                self._changed.wait()
            deadline = self._ready[0].since + self._max_wait
            while len(self._ready) < self.max_batch and not self._closing:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            return [self._ready.popleft() for _ in range(min(self.max_batch, len(self._ready)))]

    def _outcomes(self, items: list[ReadyT]) -> Sequence[ResultT | Exception]:
        began = time.monotonic()
        try:
            outcomes = self._run(items)
            if len(outcomes) != len(items):
                raise RuntimeError(f"expected {len(items)} results, got {len(outcomes)}")
        except Exception as error:
            self._failures += 1
            return [error] * len(items)
        except BaseException as error:  # a network that calls sys.exit() ends its batch, not the thread
            self._failures += 1
            return [RuntimeError(f"{type(error).__name__}: {error}")] * len(items)
        self._failures = 0
        seconds = time.monotonic() - began
        per_item = seconds / len(items)
        self._seconds_per_item += (_SMOOTHING if self._seconds_per_item else 1) * (per_item - self._seconds_per_item)
        self._on_batch(len(items), seconds)
        return outcomes

    def _settle(self, job: _Job[ResultT], index: int, result: ResultT | Exception) -> None:
        with self._changed:
            job.results[index] = result
            job.missing -= 1
            is_complete = not job.missing
            self._held -= 1
            if not self._held:
                self._changed.notify_all()
        if is_complete:
            # It may be cancelled at this very moment; then nobody needs the results.
            with contextlib.suppress(InvalidStateError):
                job.future.set_result(job.results)  # type: ignore[arg-type]  # none is missing
