"""Descendants: found and ended, also where they left the process group or their parent ended."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness.system.descendants import children_of, descendants_of, end_descendants, is_alive

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")

TREE = """
import os, subprocess, sys, time
from harness.system.descendants import adopt_orphans, children_of, descendants_of, end_descendants, is_alive

adopt_orphans()
spared = subprocess.Popen(["sleep", "3600"])
middle = subprocess.Popen(["sh", "-c", "sleep 3600 & wait"])
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(write, str(os.getpid()).encode())
        time.sleep(3600)
    os._exit(0)
daemon = int(os.read(read, 20))
while daemon not in children_of(os.getpid()) or len(descendants_of(middle.pid)) < 1:
    time.sleep(0.01)
below = descendants_of(os.getpid())
assert end_descendants(os.getpid(), spare={spared.pid})
print(len(below), daemon in below, [pid for pid in below if is_alive(pid)] == [spared.pid])
assert end_descendants(os.getpid())
print(is_alive(spared.pid), children_of(os.getpid()))
"""


def test_all_below_a_process_are_ended_but_those_to_be_spared() -> None:
    done = subprocess.run([sys.executable, "-c", TREE], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "4 True True\nFalse set()\n"


def test_a_process_that_has_ended_is_not_alive_and_has_no_children() -> None:
    process = subprocess.Popen(["sleep", "3600"])
    assert is_alive(process.pid)
    process.kill()
    while is_alive(process.pid):
        pass
    assert process.returncode is None  # nobody has waited for it yet: it is a zombie
    process.wait()
    assert not is_alive(process.pid)
    assert children_of(process.pid) == set()
    assert descendants_of(process.pid) == []
    assert end_descendants(process.pid)
