"""The OOM killer: told from any other SIGKILL by the kernel's own count."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from harness.system import oom_killer


@pytest.fixture
def vmstat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for ``/proc/vmstat``."""
    path = tmp_path / "vmstat"
    monkeypatch.setattr(oom_killer, "_VMSTAT", path)
    return path


def test_its_kills_are_counted(vmstat: Path) -> None:
    vmstat.write_text("drop_slab 0\noom_kill 12\noom_kill_other 3\n")
    assert oom_killer.count_kills() == 12


@pytest.mark.parametrize("content", [None, "drop_slab 0\n"])
def test_without_a_count_from_the_kernel_the_cause_is_unknown(vmstat: Path, content: str | None) -> None:
    if content is not None:
        vmstat.write_text(content)
    assert oom_killer.count_kills() is None
    assert oom_killer.killed(-signal.SIGKILL, None) is None


@pytest.mark.parametrize(
    ("status", "after", "killed"),
    [(-signal.SIGKILL, 13, True), (-signal.SIGKILL, 12, False), (-signal.SIGSEGV, 13, False), (1, 13, False)],
)
def test_a_sigkill_is_its_own_if_its_count_rose(vmstat: Path, status: int, after: int, killed: bool) -> None:
    vmstat.write_text(f"oom_kill {after}\n")
    assert oom_killer.killed(status, 12) is killed
