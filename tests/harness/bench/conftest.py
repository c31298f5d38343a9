"""Benches of a toy plugin, a node in the process of the test, and processes as the system lists them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.bench.remote.cluster import Cluster
from harness.bench.remote.node_cache import MACHINES, PREPARED

from .inline_workers import InlineWorkers
from .toy_bench import Bench


@pytest.fixture
def inline_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InlineWorkers:
    """A node in this process, with a cache of its own."""
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "node"))
    MACHINES.clear()
    PREPARED.clear()
    return InlineWorkers()


@pytest.fixture
def inline_cluster(inline_workers: InlineWorkers, bench: Bench) -> Cluster:
    """That node, with the toy plugin."""
    return Cluster(inline_workers, bench.store.root, bench.sources)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A bench in a folder of its own."""
    bench = Bench(tmp_path)
    yield bench
    bench.end()


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Wait until a condition holds, and fail if that takes longer than a number of seconds.

    The default is for what a process does once it has started, which takes minutes where others have all the cores.
    """

    def wait(condition: Callable[[], bool], seconds: float = 240) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.05)

    return wait


@pytest.fixture
def alive() -> Callable[[int], bool]:
    """Tell whether a process runs; a zombie does not."""

    def is_alive(pid: int) -> bool:
        try:
            os.kill(pid, 0)
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except (ProcessLookupError, FileNotFoundError):
            return False

    return is_alive


@pytest.fixture
def descendants() -> Callable[[int], list[int]]:
    """List all processes below one, as Linux tells."""

    def find(pid: int) -> list[int]:
        parents: dict[int, int] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
        found: list[int] = []
        layer = [pid]
        while layer:
            layer = [child for child, parent in parents.items() if parent in layer]
            found += layer
        return found

    return find
