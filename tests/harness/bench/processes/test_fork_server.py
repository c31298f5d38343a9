"""The fork server: started while the plan is made, told the rest of its list, and ended when nobody needs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked up in /proc")

PROBE = """
import os, sys

def probe():
    names = ("torch", "timm", "torch._dynamo")
    return {"server": os.getppid(), "modules": [name for name in names if name in sys.modules],
            "told": "ZOO_SERVER_START" in os.environ}
"""
HEAD = """
import json, os, signal, sys, time
from multiprocessing import forkserver
from pathlib import Path
from harness.bench.processes.fork_server import end_head_start, head_start
from harness.bench.processes.starter import Starter

def server():
    return forkserver._forkserver._forkserver_pid

def state(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"

def until(condition):
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()

def probe(starter):
    folder = Path(sys.argv[1])
    paths = {"log": str(folder / "log"), "result": str(folder / "result.json")}
    job = starter.start({"kind": "call", "function": "list_probe:probe", "arguments": {}, **paths}, folder)
    assert job.wait(60), "it has not ended"
    return json.loads((folder / "result.json").read_bytes())["value"]
"""

Run = Callable[[str], Any]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run code in a new process, and return the JSON that it prints."""
    (tmp_path / "list_probe.py").write_text(PROBE)
    places = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}

    def run_code(code: str) -> Any:
        command = [sys.executable, "-c", HEAD + code, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run_code


def test_the_server_of_a_head_start_imports_what_the_plan_adds_and_is_used_again(run: Run) -> None:
    """A bench began to import torch only after half a second of planning."""
    found = run(
        """
with head_start():
    early = server()
    assert "ZOO_SERVER_START" not in os.environ
first = probe(Starter(("torch", "torch._dynamo")))
with head_start():
    pass
print(json.dumps([{**first, "early": early}, probe(Starter(("torch",)))]))
"""
    )
    assert found[0]["server"] == found[0]["early"] == found[1]["server"]
    assert found[0]["modules"] == ["torch", "torch._dynamo"]
    assert not found[0]["told"]


def test_without_a_plan_the_server_ends_at_once_and_the_next_one_has_all_it_needs(run: Run) -> None:
    """A typo must not leave a process behind that imports torch for nothing."""
    found = run(
        """
ended = []
try:
    with head_start():
        ended.append(server())
        raise ValueError
except ValueError:
    pass
assert until(lambda: state(ended[0]) == "Z"), "it goes on after an error"
with head_start():
    ended.append(server())
end_head_start()
assert until(lambda: state(ended[1]) == "Z"), "it goes on though nothing will run here"
print(json.dumps({**probe(Starter(("torch", "torch._dynamo"))), "ended": ended}))
"""
    )
    assert len({*found["ended"], found["server"]}) == 3
    assert found["modules"] == ["torch", "torch._dynamo"]


def test_a_server_whose_bench_is_killed_while_planning_ends(run: Run) -> None:
    found = run(
        """
child = os.fork()
if child == 0:
    with head_start():
        (Path(sys.argv[1]) / "pid").write_text(str(server()))
        os.kill(os.getpid(), signal.SIGKILL)
os.waitpid(child, 0)
pid = int((Path(sys.argv[1]) / "pid").read_text())
print(json.dumps(until(lambda: state(pid) == "Z")))
"""
    )
    assert found is True


@pytest.mark.parametrize("seconds", [0.0, 0.5])
def test_ctrl_c_while_torch_is_imported_ends_the_bench_at_once(tmp_path: Path, seconds: float) -> None:
    """It went to the server as well, which ended with a traceback; the bench started another one, and ended when that
    had imported torch, or with "no process can be started for trials".
    """
    command = [str(Path(sys.executable).with_name("zoo")), "bench", "--models", "linear", "--data", "digits"]
    bench = subprocess.Popen(
        [*command, "--out", str(tmp_path / "runs")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )
    with bench:
        deadline = time.monotonic() + 60
        while not (servers := servers_of(bench.pid)) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(seconds)
        os.killpg(bench.pid, signal.SIGINT)
        begin = time.monotonic()
        told, _ = bench.communicate(timeout=60)
    assert bench.returncode == 130
    assert time.monotonic() - begin < 5
    assert "zoo: interrupted" in told
    assert "Traceback" not in told
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}/cmdline").exists() for pid in servers) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not [pid for pid in servers if Path(f"/proc/{pid}/cmdline").exists()]


def servers_of(bench: int) -> list[int]:
    """Return the process IDs of a bench's fork servers."""
    found = Path(f"/proc/{bench}/task/{bench}/children").read_text().split()
    return [int(pid) for pid in found if b"forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes()]
