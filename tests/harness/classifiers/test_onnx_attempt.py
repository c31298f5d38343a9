"""The attempt at an ONNX file, as the process that makes it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="the system has no limits of this kind")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells what a process has")
def test_a_process_may_take_what_it_is_allowed_and_no_more() -> None:
    code = """
from harness.classifiers.onnx_attempt import limit_memory
limit_memory(200 * 10**6)
kept = bytearray(100 * 10**6)
try:
    bytearray(400 * 10**6)
except MemoryError:
    print("refused")
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"refused\n"


def test_it_ends_by_itself_if_nobody_stops_it() -> None:
    code = "from harness.classifiers.onnx_attempt import limit_time\nlimit_time(0.5)\nwhile True: pass"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode < 0


def test_it_needs_no_torch() -> None:
    code = "import harness.classifiers.onnx_attempt, sys; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
