"""Free memory: how much of the machine's a process may still take, by the kernel's estimate and its control groups."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.system.cores import control_groups

_MEMINFO = Path("/proc/meminfo")


def free_bytes(*, meminfo: Path = _MEMINFO) -> int | None:
    """Return how much memory can be taken without swapping, or None where that is not known.

    Linux: ``MemAvailable`` of proc(5), and at most what the limits of the control groups leave, whose page cache
    counts as free.
    """
    try:
        lines = meminfo.read_text(encoding="ascii").splitlines()
        fields = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
        available = int(fields["MemAvailable"][0]) * 1024
    except (OSError, ValueError, KeyError, IndexError):
        return None
    return min([available, *_left_in_groups()])


def _left_in_groups() -> Iterator[int]:
    for folder in control_groups("memory"):
        for limit, usage in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
            try:
                left = int((folder / limit).read_text(encoding="ascii")) - int(
                    (folder / usage).read_text(encoding="ascii")
                )
                yield max(0, left + _file_cache(folder))
            except (OSError, ValueError):  # no such limit: "max"
                continue


def _file_cache(folder: Path) -> int:
    """Return how many bytes of a group's usage are files that the kernel can drop."""
    for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return int(value)
    return 0
