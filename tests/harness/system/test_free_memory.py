"""Free memory: what the kernel can give, within the limits of control groups."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.system import free_memory
from harness.system.free_memory import free_bytes

MIB = 2**20


@pytest.fixture
def meminfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "meminfo"
    path.write_text("MemTotal:  4096 kB\nMemFree:  1024 kB\nMemAvailable:    2048 kB\n")
    monkeypatch.setattr(free_memory, "control_groups", lambda controller: iter([tmp_path / "group"]))
    (tmp_path / "group").mkdir()
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/meminfo")
def test_this_machine_has_some() -> None:
    found = free_bytes()
    assert found is not None
    assert MIB < found < 2**50


def test_without_a_limit_it_is_what_the_kernel_says(meminfo: Path) -> None:
    assert free_bytes(meminfo=meminfo) == 2 * MIB
    (meminfo.parent / "group" / "memory.max").write_text("max\n")
    assert free_bytes(meminfo=meminfo) == 2 * MIB


@pytest.mark.parametrize(
    "names",
    [("memory.max", "memory.current", "inactive_file"),
     ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")],
)  # fmt: skip
def test_a_limit_of_either_interface_counts_and_cached_files_are_free(
    meminfo: Path, names: tuple[str, str, str]
) -> None:
    group = meminfo.parent / "group"
    for name, value in zip(names, (f"{MIB}\n", f"{MIB // 2}\n"), strict=False):
        (group / name).write_text(value)
    (group / "memory.stat").write_text(f"anon 1\n{names[2]} {MIB // 4}\n")
    assert free_bytes(meminfo=meminfo) == MIB - MIB // 2 + MIB // 4


def test_a_group_that_is_over_its_limit_has_none_left(meminfo: Path) -> None:
    group = meminfo.parent / "group"
    for name, value in {"memory.max": "10", "memory.current": "20", "memory.stat": "inactive_file 0\n"}.items():
        (group / name).write_text(value)
    assert free_bytes(meminfo=meminfo) == 0


@pytest.mark.parametrize("text", ["", "MemAvailable:\n", "MemAvailable: much kB\n"])
def test_where_the_kernel_does_not_say_it_is_unknown(tmp_path: Path, text: str) -> None:
    (tmp_path / "meminfo").write_text(text)
    assert free_bytes(meminfo=tmp_path / "meminfo") is None
    assert free_bytes(meminfo=tmp_path / "absent") is None
