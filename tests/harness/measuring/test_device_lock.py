"""Sharing a device: several train at once, and one that times itself has it alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from harness.measuring import device_lock
from harness.measuring.device_lock import DeviceSharing
from harness.system.lock_holders import is_stopped

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")


@contextmanager
def in_thread(work: threading.Thread) -> Iterator[None]:
    work.start()
    yield
    work.join(timeout=20)
    assert not work.is_alive()


def test_trials_compute_side_by_side(tmp_path: Path) -> None:
    one, other = (DeviceSharing("cpu", folder=tmp_path) for _ in range(2))
    with one.joined(), other.joined():
        assert one.give_way() == other.give_way() == 0.0


def test_who_times_waits_for_the_others_next_step_and_they_wait_for_its_end(tmp_path: Path) -> None:
    timed = threading.Event()
    log: list[str] = []

    def time_it() -> None:
        timer = DeviceSharing("cpu", folder=tmp_path)
        with timer.joined(), timer.alone():
            log.append("timing")
            timed.set()
            time.sleep(0.2)
            log.append("timed")

    synchronized: list[bool] = []
    trainer = DeviceSharing("cpu", folder=tmp_path, synchronize=lambda: synchronized.append(True))
    with trainer.joined(), in_thread(threading.Thread(target=time_it)):
        time.sleep(0.2)
        assert log == []  # a step is in progress
        waited = 0.0
        while not timed.is_set() or waited == 0.0:
            waited += trainer.give_way()
        assert log == ["timing", "timed"]
        assert waited >= 0.15
        assert trainer.waited >= waited
        assert synchronized == [True]  # only where it had to wait


def test_a_trial_does_not_start_while_another_is_timed(tmp_path: Path) -> None:
    told: list[bool] = []
    timer, late = (DeviceSharing("cpu", folder=tmp_path, tell=told.append) for _ in range(2))
    joined = threading.Event()

    def join() -> None:
        with late.joined():
            joined.set()

    with timer.joined():
        with timer.alone():
            starter = threading.Thread(target=join)
            starter.start()
            assert not joined.wait(0.2)
        assert joined.wait(10)
    starter.join()
    assert told == [True, False]  # so that the wait counts towards no limit
    assert late.waited >= 0.15


def test_two_that_want_to_be_timed_take_turns(tmp_path: Path) -> None:
    alone = []
    overlaps = []

    def time_it() -> None:
        sharing = DeviceSharing("cpu", folder=tmp_path)
        with sharing.joined():
            for _ in range(5):
                sharing.give_way()
                with sharing.alone():
                    alone.append(1)
                    overlaps.append(len(alone))
                    time.sleep(0.01)
                    alone.pop()

    threads = [threading.Thread(target=time_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert overlaps == [1] * 20


def test_a_trial_that_does_not_give_way_does_not_block_others_forever(tmp_path: Path) -> None:
    told: list[bool] = []
    hung = DeviceSharing("cpu", folder=tmp_path)
    timer = DeviceSharing("cpu", folder=tmp_path, tell=told.append, patience_seconds=0.2)
    with hung.joined(), timer.joined():
        start = time.monotonic()
        with timer.alone():
            assert 0.2 <= time.monotonic() - start < 5
        assert "did not pause" in timer.disturbance
        assert told == [True, False]
        start = time.monotonic()
        with timer.alone():  # once was enough
            assert time.monotonic() - start < 0.2


def test_other_devices_are_not_waited_for(tmp_path: Path) -> None:
    one, other = DeviceSharing("cuda-a", folder=tmp_path), DeviceSharing("cuda-b", folder=tmp_path)
    with one.joined(), other.joined(), one.alone():
        assert other.give_way() == 0.0


def test_a_process_killed_while_timing_blocks_nobody(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from harness.measuring.device_lock import DeviceSharing\n"
        f"s = DeviceSharing('cpu', folder=Path({str(tmp_path)!r}))\n"
        "with s.joined(), s.alone():\n    print('alone', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "alone\n"
        os.kill(process.pid, signal.SIGKILL)
    start = time.monotonic()
    with DeviceSharing("cpu", folder=tmp_path).joined():
        assert time.monotonic() - start < 5


@contextmanager
def stopped(folder: Path, how: str) -> Iterator[int]:
    """Have a process stopped that has joined, or that has the device to itself."""
    script = (
        "import sys; from pathlib import Path; from harness.measuring.device_lock import DeviceSharing\n"
        f"s = DeviceSharing('cpu', folder=Path({str(folder)!r}))\n"
        f"with {how}:\n    print('there', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        os.kill(process.pid, signal.SIGSTOP)
        while not is_stopped(process.pid):  # the signal is on its way
            time.sleep(0.001)
        try:
            yield process.pid
        finally:
            process.kill()


only_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who holds a lock")


@only_linux
def test_a_stopped_process_that_trains_is_passed_over_with_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_lock, "STOPPED_SECONDS", 0.1)
    with stopped(tmp_path, "s.joined()") as pid:
        timer, other = (DeviceSharing("cpu", folder=tmp_path) for _ in range(2))
        with timer.joined():
            start = time.monotonic()
            for _ in range(2):
                with timer.alone():
                    assert 0.1 <= time.monotonic() - start < 20  # far below PATIENCE_SECONDS
            assert f"which was stopped (process {pid})" in timer.disturbance
            with other.joined():  # who times itself still waits for those that run
                log: list[str] = []

                def time_it() -> None:
                    with timer.alone():
                        log.append("timed")

                with in_thread(threading.Thread(target=time_it)):
                    time.sleep(0.2)
                    assert log == []
                    while not log:
                        other.give_way()
        assert other.disturbance == ""


@only_linux
def test_a_process_stopped_while_it_is_timed_does_not_block_others_forever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_lock, "STOPPED_SECONDS", 0.1)
    early, late = (DeviceSharing("cpu", folder=tmp_path) for _ in range(2))
    with early.joined(), ExitStack() as stack:
        with early.left():  # so that the other one can be alone
            pid = stack.enter_context(stopped(tmp_path, "s.joined(), s.alone()"))
        assert f"(process {pid})" in early.disturbance
        with late.joined(), late.alone():
            assert f"(process {pid})" in late.disturbance
            assert early.give_way() == late.give_way() == 0.0


def test_without_lock_support_nobody_waits(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    sharing = DeviceSharing("cpu", folder=tmp_path / "file" / "locks")
    with sharing.joined(), sharing.alone():
        assert sharing.give_way() == 0.0


def test_who_lets_others_compute_for_it_leaves_the_device_meanwhile(tmp_path: Path) -> None:
    said: list[bool] = []
    boss = DeviceSharing("cpu", folder=tmp_path, tell=said.append)
    timer, later = (DeviceSharing("cpu", folder=tmp_path, patience_seconds=0) for _ in range(2))
    with boss.joined():
        said.clear()
        with boss.left(), timer.joined(), timer.alone():
            pass
        assert timer.disturbance == ""
        assert said == [True, False]
        with later.joined(), later.alone():
            pass
        assert later.disturbance  # it is there again
