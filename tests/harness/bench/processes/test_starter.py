"""Processes of jobs: started, waited for, and ended with everything that they started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest

from harness.bench.processes.starter import Job, Starter, visible_devices, wait_for_any

Start = Callable[..., Job]

linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a job that calls a function."""
    starter, jobs = Starter(()), []

    def start(function: str, **arguments: Any) -> Job:
        folder = tmp_path / f"job-{len(jobs)}"
        folder.mkdir()
        paths = {"log": str(folder / "log"), "result": str(folder / "result.json")}
        jobs.append(starter.start({"kind": "call", "function": function, "arguments": arguments, **paths}, folder))
        return jobs[-1]

    yield start
    for job in jobs:
        job.kill()


def test_a_job_that_returns_ends_with_status_0(start: Start, tmp_path: Path) -> None:
    job = start("textwrap:indent", text="a", prefix="> ")
    assert job.wait(60)
    assert job.status == 0
    assert json.loads((tmp_path / "job-0" / "result.json").read_bytes()) == {"value": "> a"}


@linux
def test_a_server_that_was_started_early_starts_the_jobs(start: Start, tmp_path: Path) -> None:
    Starter(()).warm_up()
    server = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    assert server is not None
    assert start("os:getppid").wait(60)
    assert json.loads((tmp_path / "job-0" / "result.json").read_bytes()) == {"value": server}


def test_a_status_is_that_of_the_process(start: Start) -> None:
    job = start("os:_exit", status=7)
    assert job.wait(60)
    assert job.status == 7


@linux
def test_killing_a_job_ends_what_it_started(start: Start, tmp_path: Path, wait_until: Any, alive: Any) -> None:
    file = tmp_path / "pid"
    job = start("subprocess:run", args=["sh", "-c", f"echo $$ > '{file}'; exec sleep 3600"])
    wait_until(lambda: file.exists() and file.read_text().strip())
    assert not job.wait(0)
    job.kill()
    assert job.status == -signal.SIGKILL
    wait_until(lambda: not alive(int(file.read_text())), 10)


@linux
def test_processes_left_running_by_a_job_are_ended(start: Start, tmp_path: Path, alive: Any) -> None:
    file = tmp_path / "pid"
    job = start("os:system", command=f"sleep 3600 & echo $! > '{file}'")
    assert job.wait(60)
    assert not alive(int(file.read_text()))


@linux
def test_an_interrupted_job_may_clean_up_before_it_ends(
    start: Start, tmp_path: Path, wait_until: Any, alive: Any
) -> None:
    file = tmp_path / "pid"
    job = start("subprocess:run", args=["sh", "-c", f"echo $$ > '{file}'; exec sleep 3600"])
    wait_until(lambda: file.exists() and file.read_text().strip())
    job.interrupt()
    assert job.wait(30)
    assert job.status == 1  # of a KeyboardInterrupt, and not of a signal
    assert not alive(int(file.read_text()))  # subprocess.run ends its child when it is interrupted


def test_waiting_for_any_ends_with_the_first(start: Start) -> None:
    slow = start("subprocess:run", args=["sleep", "3600"])
    quick = start("os:getpid")
    wait_for_any([slow, quick], 60)
    assert quick.wait(0)
    assert not slow.wait(0)


def test_only_a_variable_that_is_set_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_devices() == {}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,3")
    assert visible_devices() == {"CUDA_VISIBLE_DEVICES": "1,3"}


@linux
def test_a_long_temporary_folder_does_not_keep_jobs_from_starting(tmp_path: Path) -> None:
    """The path of a socket may have about 100 bytes: zoo bench ended with "AF_UNIX path too long"."""
    folder = tmp_path / ("t" * 120)
    folder.mkdir()
    code = (
        "import tempfile; from pathlib import Path; from harness.bench.processes.starter import Starter\n"
        "job = dict(kind='call', function='textwrap:indent', arguments=dict(text='a', prefix='> '))\n"
        f"job.update(log={str(tmp_path / 'log')!r}, result={str(tmp_path / 'result.json')!r})\n"
        f"started = Starter(()).start(job, Path({str(tmp_path)!r}))\n"
        "print(started.wait(60), started.status, tempfile.gettempdir())\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], env={**os.environ, "TMPDIR": str(folder)}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout == f"True 0 {folder}\n", done.stderr
    assert list(folder.iterdir()) == []
