"""What tests have run on nodes: found there because this folder is on their PYTHONPATH."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from zoo.executor import Control

Messages = Iterator[tuple[dict[str, Any], bytes]]


def echo(payload: Mapping[str, Any], files: Mapping[str, bytes], control: Control) -> Messages:
    yield {"payload": dict(payload), "node": control.node, "pid": os.getpid()}, b""
    for name, content in files.items():
        yield {"name": name}, content


def count(payload: Mapping[str, Any], files: Mapping[str, bytes], control: Control) -> Messages:
    for number in range(payload["to"]):
        yield {"number": number, "time": time.time()}, b"x" * payload.get("size", 0)
        time.sleep(payload.get("pause", 0))


def until_stopped(payload: Mapping[str, Any], files: Mapping[str, bytes], control: Control) -> Messages:
    """Say which processes there are; end with a state once it is asked to stop."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    print("printed by a task", flush=True)
    print("an error of a task", file=sys.stderr, flush=True)
    yield {"pid": os.getpid(), "parent": os.getppid(), "child": child.pid}, b""
    while not control.stop_requested():
        time.sleep(0.05)
    child.kill()
    child.wait()
    yield {"stopped": True}, b"the last state"


def fail(payload: Mapping[str, Any], files: Mapping[str, bytes], control: Control) -> Messages:
    yield {"before": True}, b""
    raise ValueError("this is no number")


def leave(payload: Mapping[str, Any], files: Mapping[str, bytes], control: Control) -> Messages:
    yield {"before": True}, b""
    sys.exit(0)


def crash(payload: Mapping[str, Any], files: Mapping[str, bytes], control: Control) -> Messages:
    print("the last words", file=sys.stderr, flush=True)
    yield {"before": True}, b""
    os.kill(os.getpid(), signal.SIGKILL)


def not_json(payload: Mapping[str, Any], files: Mapping[str, bytes], control: Control) -> Messages:
    yield {"number": object()}, b""
