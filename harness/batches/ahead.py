"""Ahead: the next batch is made in a second thread while the current one is being learnt from."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from harness.system.own_time import HelperWaits

BatchT = TypeVar("BatchT")


def one_ahead(batches: Iterator[BatchT]) -> Iterator[BatchT]:
    """Yield the same batches, each made by a second thread while the one before it is in use.

    An exception of *batches* is raised where its batch would have come. Closing this iterator ends the thread.
    """
    waits = HelperWaits()

    def following() -> tuple[list[BatchT], float]:
        return list(islice(batches, 1)), waits.taken_from_helper()

    thread = ThreadPoolExecutor(1, thread_name_prefix="ahead")
    try:
        coming = thread.submit(following)
        while True:
            with waits.waiting() as taken:
                made, from_helper = coming.result()
                taken.append(from_helper)
            if not made:
                return
            coming = thread.submit(following)
            yield made[0]
    finally:
        thread.shutdown(cancel_futures=True)
