"""A Ray cluster of several nodes on this machine, each on a loopback address and with a cache of its own."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from zoo.executor import TaskEnded, TaskEvent, Workers

FUNCTIONS = Path(__file__).parent.parent / "plugins" / "executors"
"""Where the nodes find what tests have run there."""


def descendants(pid: int) -> list[int]:
    """Return the processes that came of *pid*, itself first."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name, in brackets, may hold anything.
            fields = stat.read_text().rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for each in found:
        found += parents.get(each, [])
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.1)


class RayNode:
    """One node: ``ray start --block``, and all that comes of it."""

    def __init__(self, name: str, arguments: Sequence[str], environment: dict[str, str], log: Path) -> None:
        self.name = name
        self.cache = Path(environment["ZOO_CACHE"])
        ray = [sys.executable, "-P", "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"]
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [*ray, "--node-ip-address", name, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def wait_until_up(self) -> None:
        wait_until(lambda: "Ray runtime started" in self._log.read_text() or self.process.poll() is not None, 90)
        assert self.process.poll() is None, self._log.read_text()

    def signal(self, number: int) -> None:
        """Send a signal to all its processes."""
        # Its own first: what would tell of the others' end, or start them again.
        for pid in descendants(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def busy(self) -> list[int]:
        """Return its processes that run a task."""
        found = []
        for pid in descendants(self.process.pid):
            with suppress(OSError):
                if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::zoo "):
                    found.append(pid)
        return found

    def num_epochs(self) -> int:
        """Count the epochs of the trials whose folders it holds."""
        return sum(path.read_text().count('"event": "epoch"') for path in self.cache.glob("remote/*/*/history.jsonl"))

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.process.wait()


class RayNodes:
    """A head without CPUs on 127.0.0.2, and the nodes that were started; all talk with a token."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.token = secrets.token_hex(32)
        with socket.socket() as probe:
            probe.bind(("127.0.0.2", 0))
            self.address = f"127.0.0.2:{probe.getsockname()[1]}"
        self.nodes: list[RayNode] = []
        port = self.address.partition(":")[2]
        head = ["--head", "--port", port, "--num-cpus", "0", "--include-dashboard", "false", "--temp-dir", str(folder)]
        self._start("127.0.0.2", head)
        wait_until(self._answers)

    @property
    def environment(self) -> dict[str, str]:
        """What a bench needs, to be let in."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self.token,
            "PYTHONPATH": str(FUNCTIONS),
            # A node that does not answer is given up after three seconds, not after a minute.
            "RAY_health_check_initial_delay_ms": "1000",
            "RAY_health_check_period_ms": "1000",
            "RAY_health_check_timeout_ms": "1000",
            "RAY_health_check_failure_threshold": "3",
        }

    def add(self, number: int, *, cpus: int = 1) -> RayNode:
        """Start the node 127.0.0.*number*."""
        node = self._start(f"127.0.0.{number}", ["--address", self.address, "--num-cpus", str(cpus)])
        node.wait_until_up()
        return node

    @property
    def num_workers(self) -> int:
        """Number of nodes that run trials: those that were killed count no more, nor does the head."""
        return sum(node.process.poll() is None for node in self.nodes[1:])

    def end(self) -> None:
        for node in reversed(self.nodes):
            node.kill()

    def _start(self, name: str, arguments: list[str]) -> RayNode:
        environment = {**self.environment, "ZOO_CACHE": str(self.folder / f"cache-{name}")}
        node = RayNode(name, arguments, environment, self.folder / f"{name}.log")
        self.nodes.append(node)
        return node

    def _answers(self) -> bool:
        host, _, port = self.address.partition(":")
        with socket.socket() as knocking:
            return knocking.connect_ex((host, int(port))) == 0


@pytest.fixture(scope="session")
def make_ray_nodes() -> Iterator[Callable[[], RayNodes]]:
    """Start clusters that have a head only; they end with the tests."""
    pytest.importorskip("ray", reason="the extra zoobench[ray] is not installed")
    if sys.platform != "linux":
        pytest.skip("only Linux answers on all loopback addresses")
    made: list[RayNodes] = []

    def make() -> RayNodes:
        # Paths of sockets are short.
        made.append(RayNodes(Path(tempfile.mkdtemp(prefix="zr", dir="/tmp"))))
        return made[-1]

    yield make
    for nodes in made:
        nodes.end()
        shutil.rmtree(nodes.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def ray_nodes(make_ray_nodes: Callable[[], RayNodes]) -> RayNodes:
    """A cluster with the nodes 127.0.0.3 and 127.0.0.4, of one CPU each."""
    nodes = make_ray_nodes()
    nodes.add(3)
    nodes.add(4)
    return nodes


@pytest.fixture
def in_cluster(ray_nodes: RayNodes, monkeypatch: pytest.MonkeyPatch) -> RayNodes:
    """That cluster, with this process let in."""
    for name, value in ray_nodes.environment.items():
        monkeypatch.setenv(name, value)
    return ray_nodes


def poll_until_over(workers: Workers, count: int = 1, seconds: float = 60) -> list[Any]:
    """Return what happened until *count* tasks were over."""
    events: list[TaskEvent] = []
    end = time.monotonic() + seconds
    while sum(isinstance(event, TaskEnded) for event in events) < count:
        assert time.monotonic() < end, f"not over: {events}"
        events += workers.poll(0.5)
    return events


@pytest.fixture
def until_over() -> Callable[..., list[Any]]:
    return poll_until_over
