"""Filling: tasks of many small parts, done by threads that never wait for one another, and yielded in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Generic, TypeVar

ResultT = TypeVar("ResultT")


@dataclass(kw_only=True, slots=True, eq=False)
class FillTask(Generic[ResultT]):
    """Something that threads fill, part by part."""

    result: ResultT
    """What is filled."""
    fill: Callable[[int], None]
    """Fills the part of a number; called in any thread, in any order."""
    num_parts: int
    """Number of parts, at least one."""
    _left: int = field(init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _filled: Future[ResultT] = field(init=False, default_factory=Future)

    def __post_init__(self) -> None:
        self._left = self.num_parts

    def fill_part(self, part: int) -> None:
        """Fill a part; the first error of any makes :meth:`wait` raise it."""
        error = None
        try:
            self.fill(part)
        except BaseException as caught:
            error = caught
        with self._lock:
            self._left -= 1
            if self._filled.done():
                return
            if error is not None:
                self._filled.set_exception(error)
            elif not self._left:
                self._filled.set_result(self.result)

    def wait(self) -> ResultT:
        """Return the result when all parts are filled."""
        return self._filled.result()


def filled(tasks: Iterable[FillTask[ResultT]], *, num_threads: int, most_ahead: int) -> Iterator[ResultT]:
    """Yield the results of *tasks* in order, each when it is filled.

    Threads go on with the next task when all parts of one are taken, so none waits for the slowest part of a task.

    Args:
        tasks: Made one by one, in the thread of the caller.
        most_ahead: Number of tasks to start before the first of them is yielded, and to keep started from then on.
    """
    parts: SimpleQueue[tuple[FillTask[ResultT], int] | None] = SimpleQueue()
    stopped = threading.Event()

    def work() -> None:
        while (part := parts.get()) is not None and not stopped.is_set():
            task, number = part
            task.fill_part(number)
            del task, part  # a thread that waits must not hold the memory of a task

    threads = [threading.Thread(target=work, name=f"fill_{number}", daemon=True) for number in range(num_threads)]
    for thread in threads:
        thread.start()
    started: deque[FillTask[ResultT]] = deque()
    coming = iter(tasks)
    try:
        while True:
            while len(started) < most_ahead and (task := next(coming, None)) is not None:
                started.append(task)
                for number in range(task.num_parts):
                    parts.put((task, number))
            task = None
            if not started:
                return
            yield started.popleft().wait()
    finally:
        stopped.set()
        for _ in threads:
            parts.put(None)
        for thread in threads:
            thread.join()
