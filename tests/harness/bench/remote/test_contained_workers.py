"""Contained workers: whatever an executor does is told under its name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from harness.bench.remote.contained_workers import connected
from zoo.errors import PluginError, UsageError
from zoo.executor import Executor, Node


class _Workers:
    def __init__(self, act: Callable[[], Any]) -> None:
        self.nodes = self.act = act

    def poll(self, seconds: float) -> Any:
        return self.act()


def _executor(act: Callable[[], Any], *, closing: Callable[[], Any] = lambda: None) -> Executor:
    @contextmanager
    def open(options: Mapping[str, Any]) -> Iterator[Any]:
        yield _Workers(act)
        closing()

    return Executor(name="odd", open=open)


@pytest.mark.parametrize(
    ("act", "cause"),
    [
        (lambda: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda: sys.exit(0), "it called sys.exit(0)"),
        (lambda: None, "TypeError: 'NoneType' object is not iterable"),
    ],
)
def test_a_call_that_fails_names_the_executor(act: Callable[[], Any], cause: str) -> None:
    with connected(_executor(act), {}) as workers:
        with pytest.raises(PluginError) as caught:
            workers.nodes()
        assert str(caught.value) == f"executor 'odd' failed while listing its nodes: {cause}"
        with pytest.raises(PluginError, match="failed while being polled"):
            workers.poll(0)


def test_connecting_and_closing_are_calls_too() -> None:
    def refuse(options: Mapping[str, Any]) -> Any:
        raise RuntimeError("no")

    connecting = connected(Executor(name="odd", open=refuse), {})
    with pytest.raises(PluginError, match="executor 'odd' failed while connecting: RuntimeError: no"), connecting:
        pass
    nothing = connected(Executor(name="odd", open=lambda options: None), {})
    with pytest.raises(PluginError, match="while connecting: TypeError: open must return a context manager"), nothing:
        pass
    closing = connected(_executor(tuple, closing=lambda: sys.exit(1)), {})
    with pytest.raises(PluginError, match=r"failed while closing its connection: it called sys\.exit"), closing:
        pass


def test_what_it_says_to_the_user_and_what_it_returns_pass() -> None:
    def refuse() -> Any:
        raise UsageError("no node is there")

    with connected(_executor(refuse), {}) as workers, pytest.raises(UsageError, match="no node is there"):
        workers.nodes()
    with connected(_executor(lambda: [Node(name="a", cpus=1)]), {}) as workers:
        assert workers.nodes() == (Node(name="a", cpus=1),)


def test_an_error_of_the_bench_passes_through_the_executor() -> None:
    with pytest.raises(ZeroDivisionError), connected(_executor(tuple), {}):
        _ = 1 / 0
