"""Cores: limits of containers count, whichever interface the kernel has."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.system.cores import decoding_threads, share_cores, usable_cores, usable_threads

FREE = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
Cores = Callable[[str, dict[str, str]], float]


@pytest.fixture
def cores(tmp_path: Path) -> Cores:
    """Usable cores of a process with these lines of membership, and these files below the mount."""

    def read(membership: str, files: dict[str, str]) -> float:
        (tmp_path / "membership").write_text(membership)
        for name, text in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return usable_cores(membership=tmp_path / "membership", mount=tmp_path / "cgroup")

    return read


def test_without_a_limit_they_are_those_of_the_affinity(cores: Cores) -> None:
    assert cores("0::/\n", {"cpu.max": "max 100000\n"}) == FREE
    assert cores("4:cpu:/a\n", {"cpu/a/cpu.cfs_quota_us": "-1\n", "cpu/a/cpu.cfs_period_us": "100000\n"}) == FREE


def test_a_limit_of_either_interface_counts(cores: Cores) -> None:
    assert cores("0::/job\n", {"job/cpu.max": "50000 100000\n"}) == 0.5
    v1 = {"cpu/job/cpu.cfs_quota_us": "75000\n", "cpu/job/cpu.cfs_period_us": "100000\n"}
    assert cores("3:cpuset:/\n1:cpu:/job\n", v1) == 0.75


def test_controllers_that_are_mounted_together_are_found(cores: Cores) -> None:
    files = {"cpu,cpuacct/job/cpu.cfs_quota_us": "25000\n", "cpu,cpuacct/job/cpu.cfs_period_us": "100000\n"}
    assert cores("4:cpu,cpuacct:/job\n", files) == 0.25


def test_the_smallest_limit_on_the_way_up_counts(cores: Cores) -> None:
    files = {"outer/cpu.max": "30000 100000\n", "outer/inner/cpu.max": "90000 100000\n"}
    assert cores("0::/outer/inner\n", files) == 0.3


def test_in_a_container_whose_path_is_the_hosts_the_mounted_group_counts(cores: Cores) -> None:
    assert cores("0::/docker/0123abc\n", {"cpu.max": "50000 100000\n"}) == 0.5


@pytest.mark.parametrize("text", ["", "nonsense\n", "100000 0\n"])
def test_an_unreadable_limit_is_ignored(cores: Cores, text: str) -> None:
    assert cores("0::/\n", {"cpu.max": text}) == FREE


def test_there_is_always_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.system.cores.usable_cores", lambda: 0.2)
    assert usable_threads() == 1


def test_processes_side_by_side_share_the_cores_for_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.system.cores.usable_cores", lambda: 5.5)
    assert decoding_threads() == 5
    try:
        share_cores(2)
        assert (decoding_threads(), usable_threads()) == (2, 5)
        share_cores(8)
        assert decoding_threads() == 1
    finally:
        share_cores(1)


@pytest.fixture
def group() -> Iterator[Path]:
    """A real control group that allows half a core."""
    folder = Path("/sys/fs/cgroup/cpu") / f"zoo-test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        try:
            (folder / "cpu.cfs_period_us").write_text("100000")
            (folder / "cpu.cfs_quota_us").write_text("50000")
        except OSError as error:
            pytest.skip(f"no limit can be set here: {error}")
        yield folder
    finally:
        folder.rmdir()


def test_a_real_control_group_limits_the_process(group: Path) -> None:
    code = (
        f"import os; open({str(group / 'cgroup.procs')!r}, 'w').write(str(os.getpid()))\n"
        "from harness.system.cores import usable_cores; print(usable_cores())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["0.5"], done.stderr
