"""Quiet logs: progress messages of other people's tools, silenced while they run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_logs(name: str | None = None) -> Iterator[None]:
    """Let only errors through the logger *name*, or through the root logger, for the body."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
