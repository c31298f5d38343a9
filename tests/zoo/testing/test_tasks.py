"""Tasks: what executors run in checks."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from zoo.testing import tasks


def _control(*, stops: bool) -> SimpleNamespace:
    return SimpleNamespace(node="here", stop_requested=lambda: stops)


def test_echo_gives_back_messages_and_then_files() -> None:
    messages = list(tasks.echo({"count": 2}, {"a": b"x"}, _control(stops=False)))
    assert messages == [({"number": 0}, b""), ({"number": 1}, b""), ({"file": "a", "payload": {"count": 2}}, b"x")]


def test_fail_raises_after_its_message() -> None:
    messages = tasks.fail({}, {}, _control(stops=False))
    assert next(messages) == ({"ready": True}, b"")
    with pytest.raises(ValueError, match="fails on purpose"):
        next(messages)


@pytest.mark.parametrize(("listens", "saved"), [(True, True), (False, False)])
def test_wait_saves_if_it_listens(listens: bool, saved: bool) -> None:
    (where, _), (said, _) = tasks.wait({"seconds": 0.05, "listens": listens}, {}, _control(stops=True))
    assert where["pid"] == os.getpid()
    assert said == {"saved": saved}
