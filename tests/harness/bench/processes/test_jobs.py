"""A child process does its job, answers in a file, and ends with the bench."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of a parent's death")
def test_a_killed_bench_takes_its_trial_with_it(bench: Any, wait_until: Any, alive: Any, descendants: Any) -> None:
    process = bench.start('bench.run("linear", recipes=["long"])')
    wait_until(lambda: any(bench.store.root.glob("*/history.jsonl")))
    children = descendants(process.pid)
    process.kill()
    process.wait()
    wait_until(lambda: not any(alive(pid) for pid in children), 10)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="orphans are found on Linux only")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_bench_that_ends_takes_what_its_trials_started_with_it(
    bench: Any, wait_until: Any, alive: Any, end: signal.Signals
) -> None:
    code = 'bench.run("leaves_children_and_hangs")'
    process = bench.start(code, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    pids = bench.folder / "pids"
    wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 4)
    process.send_signal(end)
    process.communicate(timeout=60)  # nothing keeps the pipe open
    wait_until(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()), 10)


@pytest.fixture
def do(tmp_path: Path) -> Callable[..., tuple[subprocess.Popen[str], Any]]:
    """Call a function as a job in a process of its own, and return the process and the answer."""

    def run(function: str, variables: dict[str, str] | None = None, **arguments: Any) -> Any:
        job = {"kind": "call", "function": function, "arguments": arguments, "variables": variables or {}}
        paths = {"log": str(tmp_path / "log"), "result": str(tmp_path / "result.json")}
        file = tmp_path / "job.json"
        file.write_text(json.dumps({**job, **paths}))
        code = f"from harness.bench.processes.jobs import run_job; run_job({str(file)!r})"
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert process.communicate(timeout=60)[0] == ""
        assert process.returncode == 0, (tmp_path / "log").read_text()
        return process, json.loads((tmp_path / "result.json").read_bytes())

    return run


def test_a_job_has_the_variables_that_it_was_given(do: Any) -> None:
    assert do("os:getenv", {"ZOO_TEST_GIVEN": "yes"}, key="ZOO_TEST_GIVEN")[1] == {"value": "yes"}


def test_output_of_a_job_goes_to_its_log(do: Any, tmp_path: Path) -> None:
    assert do("builtins:print", end="printed by a plugin")[1] == {"value": None}
    assert (tmp_path / "log").read_text() == "printed by a plugin"


@pytest.mark.skipif(not hasattr(os, "setsid"), reason="this system has no process groups")
def test_a_job_leads_a_group_of_its_own(do: Any) -> None:
    process, answer = do("os:getpgrp")
    assert answer == {"value": process.pid}


def test_errors_for_the_user_are_the_answer(do: Any) -> None:
    answer = do("harness.measuring.environment:resolve_precision", name="fp16", device="cpu")[1]
    assert answer == {"errors": ["--precision fp16 needs a CUDA device, but this is cpu; bf16 works on both"]}
