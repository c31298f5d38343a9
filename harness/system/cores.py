"""Cores: how many CPU cores a process may use, given its affinity and the limits of its control groups."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

_MEMBERSHIP = Path("/proc/self/cgroup")
_MOUNT = Path("/sys/fs/cgroup")


def usable_cores(*, membership: Path = _MEMBERSHIP, mount: Path = _MOUNT) -> float:
    """Return how many cores this process may use at a time, such as ``1.5`` in a container with that limit.

    A limit applies to a control group and all groups below it, so the smallest limit on the way up counts. Both
    versions of the interface are read: ``cpu.max`` in version 2, ``cpu.cfs_quota_us`` and its period in version 1
    (https://docs.kernel.org/admin-guide/cgroup-v2.html). ``cpuset`` limits show up in the affinity.

    Args:
        membership: File that lists the control groups of the process.
        mount: Folder where the control groups are mounted.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = float(len(affinity(0)) if affinity else os.cpu_count() or 1)
    folders = control_groups("cpu", membership=membership, mount=mount)
    return min([cores, *(limit for folder in folders for limit in (*_read_v2(folder), *_read_v1(folder)))])


def usable_threads() -> int:
    """Return how many threads can run at the same time: the number of usable cores, at least one."""
    return max(1, math.floor(usable_cores() + 1e-9))


_sharing = 1


def share_cores(processes: int) -> None:
    """Have this process use its part of the cores only, as one of several *processes* that work side by side."""
    global _sharing  # noqa: PLW0603 - a fact about the process
    _sharing = processes


def decoding_threads() -> int:
    """Return how many threads decode images: one for each usable core, or this process's part of them.

    What is decoded does not depend on the number, so that, unlike that of threads that compute, it may depend on what
    runs beside.
    """
    return max(1, usable_threads() // _sharing)


def control_groups(controller: str, *, membership: Path = _MEMBERSHIP, mount: Path = _MOUNT) -> Iterator[Path]:
    """Yield the folders of the control groups that this process is in, each with those above it.

    Args:
        controller: ``cpu`` or ``memory``: in version 1, each controller has folders of its own.
    """
    try:
        lines = membership.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return  # not Linux
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            yield from _upwards(mount, path)
        elif controller in controllers.split(","):
            yield from _upwards(mount / controllers, path)
            if controllers != controller:  # mounted as "cpu,cpuacct", with a link for each controller
                yield from _upwards(mount / controller, path)


def _upwards(top: Path, path: str) -> Iterator[Path]:
    """Yield the group's folder and its parents. In a container, the path may be the host's and not exist here."""
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
