"""Cores: how many of the machine's a process may use, by its affinity and by the limits of its control groups."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

_MEMBERSHIP = Path("/proc/self/cgroup")
_MOUNT = Path("/sys/fs/cgroup")


def usable_cores(*, membership: Path = _MEMBERSHIP, mount: Path = _MOUNT) -> float:
    """Return how many cores this process may use at a time: ``1.5`` in a container that is limited to that.

    A limit holds for all control groups below the one that it is set for, so the smallest on the way up counts. Both
    versions of the interface are read: ``cpu.max`` of version 2, ``cpu.cfs_quota_us`` and its period of version 1
    (https://docs.kernel.org/admin-guide/cgroup-v2.html). ``cpuset`` shows in the affinity.

    Args:
        membership: Lists the control groups of the process.
        mount: Where the control groups are mounted.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = float(len(affinity(0)) if affinity else os.cpu_count() or 1)
    return min([cores, *_limits(membership, mount)])


def usable_threads() -> int:
    """Return how many threads can run at a time without waiting for each other: the usable cores, at least one."""
    return max(1, math.floor(usable_cores() + 1e-9))


def _limits(membership: Path, mount: Path) -> Iterator[float]:
    try:
        lines = membership.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return  # not Linux
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            for folder in _upwards(mount, path):
                yield from _read_v2(folder)
        elif "cpu" in controllers.split(","):
            for folder in _upwards(mount / controllers, path):
                yield from _read_v1(folder)
            if controllers != "cpu":  # mounted as "cpu,cpuacct", with a link for each of the two
                for folder in _upwards(mount / "cpu", path):
                    yield from _read_v1(folder)


def _upwards(top: Path, path: str) -> Iterator[Path]:
    """Yield the group's folder and those above it. In a container, the path may be the host's and not exist here."""
    folder = top / path.strip("/")
    while folder != top:
        yield folder
        folder = folder.parent
    yield top


def _read_v2(folder: Path) -> Iterator[float]:
    try:
        limit, _, period = (folder / "cpu.max").read_text(encoding="ascii").strip().partition(" ")
        if limit != "max":
            yield int(limit) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return


def _read_v1(folder: Path) -> Iterator[float]:
    try:
        quota = int((folder / "cpu.cfs_quota_us").read_text(encoding="ascii"))
        period = int((folder / "cpu.cfs_period_us").read_text(encoding="ascii"))
        if quota > 0:
            yield quota / period
    except (OSError, ValueError, ZeroDivisionError):
        return
