"""Quiet logs: errors pass, and the level is restored."""

from __future__ import annotations

import logging
from contextlib import suppress

import pytest

from harness.system.quiet_logs import quiet_logs


@pytest.mark.parametrize("name", ["zoo.a_tool", None])
def test_only_errors_pass_until_the_body_ends(name: str | None, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.INFO)
    try:
        with quiet_logs(name):
            logger.warning("step 1 of 3")
            logger.error("it failed")
        logger.info("done")
        assert logger.level == logging.INFO
    finally:
        logger.setLevel(before)
    assert [record.message for record in caplog.records] == ["it failed", "done"]


def test_the_level_is_restored_after_an_error() -> None:
    logger = logging.getLogger("zoo.a_tool")
    logger.setLevel(logging.WARNING)
    with suppress(ZeroDivisionError), quiet_logs("zoo.a_tool"):
        assert logger.level == logging.ERROR
        1 / 0  # noqa: B018
    assert logger.level == logging.WARNING
