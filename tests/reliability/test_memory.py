"""Real want of memory: what the system refuses, and what its OOM killer ends, is called that and costs one trial."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.records.record import FailureKind, Outcome
from harness.system import oom_killer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory in these ways")

_V1, _V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
_GROUP_MIB = 64


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A control group below this process's own, whose processes get 64 MiB between them."""
    own = {line.split(":")[1]: line.split(":", 2)[2] for line in Path("/proc/self/cgroup").read_text().splitlines()}
    root, name, limit = _V2, own.get("", "/"), "memory.max"
    if "memory" in own:
        root, name, limit = _V1, own["memory"], "memory.limit_in_bytes"
    folder = root / name.strip("/") / "zoo-test"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"a control group cannot be made here: {error}")
    try:
        if not (folder / limit).exists():
            pytest.skip("control groups do not limit memory here")
        (folder / limit).write_text(str(_GROUP_MIB * 2**20))
        with contextlib.suppress(OSError):  # no swap, or none that is counted
            (folder / ("memory.swap.max" if root is _V2 else "memory.swappiness")).write_text("0")
        yield folder
    finally:
        folder.rmdir()


def test_a_trial_that_the_oom_killer_ends_is_out_of_memory_and_the_others_go_on(
    make_bench: Callable[..., Any], small_group: Path
) -> None:
    """accelerate#335, #1934, the other way round: what is real want of memory is called that, without an exception."""
    before = oom_killer.count_kills()
    summary = make_bench().run(models=("toy_hungry", "toy_linear"), seeds=1, group=str(small_group))
    assert summary.counts == {"failed": 1, "done": 1}
    (failed,) = [record for record in summary.records if record.outcome is Outcome.FAILED]
    assert failed.failure is not None
    assert failed.failure.kind is FailureKind.OOM
    assert failed.reason == "its process ended with SIGKILL (the system ran out of memory)"
    assert before is not None
    assert oom_killer.count_kills() > before


@pytest.mark.parametrize(
    ("mib_per_image", "fits"),
    [
        (128, True),  # 4 images are 512 MiB, 8 are 1 GiB; before memory was refused, a gap for 2 may have been left
        (400, False),  # 2 images are 800 MiB: not even one fits beside what a step needs
    ],
)
def test_memory_that_the_system_refuses_halves_the_images_at_a_time_down_to_one(
    make_bench: Callable[..., Any], mib_per_image: int, fits: bool
) -> None:
    """accelerate#335, #1934: real out-of-memory only, as torch's own allocator says it."""
    summary = make_bench().run(models=("toy_walled", "toy_linear"), seeds=1, mib_per_image=mib_per_image, wall_mib=768)
    walled, linear = summary.records
    assert linear.outcome is Outcome.DONE
    if fits:
        assert walled.outcome is Outcome.DONE, walled.reason
        assert walled.training is not None
        assert walled.training.micro_batch_size in (2, 4)
        assert "out of memory with 16 images at a time" in walled.warnings[0]
    else:
        assert walled.failure is not None
        assert walled.failure.kind is FailureKind.OOM, walled.reason
