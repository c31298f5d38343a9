"""Ahead: the next batch is made in a second thread while the current one is being learnt from."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

BatchT = TypeVar("BatchT")


def one_ahead(batches: Iterator[BatchT]) -> Iterator[BatchT]:
    """Yield the same batches, each made by a second thread while the one before it is in use.

    An exception of *batches* is raised where its batch would have come. Closing this iterator ends the thread.
    """
    thread = ThreadPoolExecutor(1, thread_name_prefix="ahead")
    over = object()
    try:
        coming = thread.submit(next, batches, over)  # type: ignore[arg-type]
        while (batch := coming.result()) is not over:
            coming = thread.submit(next, batches, over)  # type: ignore[arg-type]
            yield batch  # type: ignore[misc]
    finally:
        thread.shutdown(cancel_futures=True)
