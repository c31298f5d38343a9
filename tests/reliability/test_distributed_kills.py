"""A trial in several processes that is struck: none of them outlives it, and the same command brings it to its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.records.history import read_history
from harness.system.descendants import descendants_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]

TOGETHER = ("--device", "cpu", "--gpus-per-trial", "2", "--threads", "2")
WHAT = {"models": ("toy_slow",), "seeds": 1, "recipe": "steady"}
PROCESSES = 4
"""The trial's own, the one that starts the others, and two that train."""


def groups() -> dict[int, list[int]]:
    """Return the processes of each process group that still run."""
    found: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if fields[0] != "Z":
            found.setdefault(int(fields[2]), []).append(int(path.parent.name))
    return found


def wait_until(is_so, seconds: float = 240.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.05)


def running_trial(bench, process: subprocess.Popen[str]) -> int:
    """Wait until a trial has trained two epochs in two processes; return its process, which leads their group.

    Only what is below the bench counts: others on the machine may have groups of as many.
    """
    wait_until(lambda: any(count_epochs(path) >= 2 for path in bench.store.root.glob("*/history.jsonl")))
    below = descendants_of(process.pid)
    (trial,) = [leader for leader, members in groups().items() if len(members) == PROCESSES and leader in below]
    return trial


def count_epochs(history: Path) -> int:
    return sum(row["event"] == "epoch" for row in read_history(history))


@pytest.fixture(scope="module")
def undisturbed(make_bench):
    bench = make_bench()
    process = bench.start(**WHAT, more=TOGETHER)
    _, said = process.communicate(timeout=240)
    assert process.returncode == 0, said
    (content,) = bench.content().values()
    return content


def test_a_killed_trial_takes_its_processes_along_and_goes_on_with_the_same_bits(make_bench, undisturbed):
    bench = make_bench()
    process = bench.start(**WHAT, more=TOGETHER)
    trial = running_trial(bench, process)
    os.kill(trial, signal.SIGKILL)
    _, said = process.communicate(timeout=240)
    assert process.returncode == 1
    assert "1 trial failed: killed: " in said
    assert trial not in groups()
    again = bench.start(**WHAT, more=(*TOGETHER, "--retry"))
    _, said = again.communicate(timeout=240)
    assert again.returncode == 0, said
    (content,) = bench.content().values()
    for name in ("epochs", "predictions.safetensors", "checkpoint.safetensors", "left over"):
        assert content[name] == undisturbed[name], name


def test_a_killed_bench_leaves_no_process(make_bench):
    bench = make_bench()
    process = bench.start(**WHAT, more=TOGETHER)
    trial = running_trial(bench, process)
    process.kill()
    process.communicate(timeout=240)
    wait_until(lambda: trial not in groups(), 15)


def test_ctrl_c_stops_it_and_the_same_command_continues(make_bench, undisturbed):
    bench = make_bench()
    process = bench.start(**WHAT, more=TOGETHER)
    trial = running_trial(bench, process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=240)
    assert process.returncode == 130
    assert trial not in groups()
    again = bench.start(**WHAT, more=TOGETHER)
    _, said = again.communicate(timeout=240)
    assert again.returncode == 0, said
    (content,) = bench.content().values()
    assert content["predictions.safetensors"] == undisturbed["predictions.safetensors"]
