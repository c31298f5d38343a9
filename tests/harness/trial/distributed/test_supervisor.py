"""The supervisor of ranks: all of them end together, whatever ends one of them."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.system.atomic_files import write_bytes
from harness.trial.distributed.supervisor import RankExit, RankSupervisor, SupervisorLostError, answer_file

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
DONE = RankExit(status=0, was_killed=False)


def run_job(file: str) -> None:
    """Do what a job file says, and write an answer."""
    path = Path(file)
    write_bytes(path.with_suffix(".pid"), b"%d" % os.getpid())  # renamed: whoever waits for it reads it at once
    how = json.loads(path.read_text())
    if how == "wait":
        time.sleep(600)
    elif how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "raise":
        raise ValueError("any")
    elif how == "leave":
        os._exit(0)
    answer_file(path).write_text("{}")


@pytest.fixture
def supervisor() -> Iterator[RankSupervisor]:
    supervisor = RankSupervisor(run_job, grace_seconds=0.2)
    yield supervisor
    supervisor.close()


def jobs_of(folder: Path, *hows: str) -> list[Path]:
    paths = [folder / f"{rank}.json" for rank in range(len(hows))]
    for path, how in zip(paths, hows, strict=True):
        path.write_text(json.dumps(how))
    return paths


def is_gone(job: Path) -> bool:
    try:
        os.kill(int(job.with_suffix(".pid").read_text()), 0)
    except ProcessLookupError:
        return True
    return False


def test_jobs_that_succeed_exit_with_status_zero_and_more_can_follow(
    supervisor: RankSupervisor, tmp_path: Path
) -> None:
    jobs = jobs_of(tmp_path, "answer", "answer")
    assert supervisor.run(jobs) == [DONE, DONE]
    assert supervisor.run(jobs) == [DONE, DONE]


@pytest.mark.parametrize(("how", "status"), [("kill", -signal.SIGKILL), ("raise", 1), ("leave", 0)])
def test_one_failed_rank_ends_the_others(supervisor: RankSupervisor, tmp_path: Path, how: str, status: int) -> None:
    jobs = jobs_of(tmp_path, "wait", how)
    waiting, failed = supervisor.run(jobs)
    assert waiting == RankExit(status=-signal.SIGKILL, was_killed=True)
    assert failed == RankExit(status=status, was_killed=False)
    assert is_gone(jobs[0])


def test_an_interrupt_ends_all_of_them_at_once_and_more_can_follow(supervisor: RankSupervisor, tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path, "wait", "wait")

    def interrupt() -> None:
        while not all(job.with_suffix(".pid").exists() for job in jobs):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    # A process that a shell has started in the background inherits an ignored SIGINT.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            supervisor.run(jobs)
    finally:
        signal.signal(signal.SIGINT, before)
    thread.join()
    assert all(map(is_gone, jobs))
    assert supervisor.run(jobs_of(tmp_path, "answer")) == [DONE]


def test_ranks_end_with_their_supervisor(supervisor: RankSupervisor, tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path, "wait")

    def kill() -> None:
        while not jobs[0].with_suffix(".pid").exists():
            time.sleep(0.02)
        supervisor._process.kill()

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(SupervisorLostError):
        supervisor.run(jobs)
    thread.join()
    end = time.monotonic() + 20
    while not is_gone(jobs[0]):
        assert time.monotonic() < end, "a rank outlived its supervisor"
        time.sleep(0.05)
