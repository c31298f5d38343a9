"""The start of the fork server: a list that is told later, and that all is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.bench.processes.server_start import Greeting, ServerStart


def test_the_list_reaches_the_server_and_it_says_when_it_is_ready(tmp_path: Path) -> None:
    start = ServerStart()
    assert start.is_ready  # nothing has been started that would say so
    start.begin(tmp_path, awaits_list=True)
    greeting = Greeting()
    assert not start.is_ready
    start.tell(["torch", "timm"])
    assert not start.awaits_list
    assert greeting.modules() == ("torch", "timm")
    greeting.ready()
    assert start.is_ready


def test_a_server_that_awaits_no_list_has_none(tmp_path: Path) -> None:
    start = ServerStart()
    start.begin(tmp_path, awaits_list=False)
    greeting = Greeting()
    start.tell(["torch"])
    assert greeting.modules() == ()
    greeting.ready()
    assert start.is_ready


def test_only_the_server_takes_the_message(tmp_path: Path) -> None:
    start = ServerStart()
    start.begin(tmp_path, awaits_list=True)
    start.end()
    other = Greeting()
    assert other.modules() == ()
    other.ready()
    assert not start.is_ready


def test_the_newest_start_counts(tmp_path: Path) -> None:
    start = ServerStart()
    start.begin(tmp_path, awaits_list=False)
    Greeting().ready()
    start.begin(tmp_path, awaits_list=False)
    assert not start.is_ready


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork server")
def test_a_server_whose_starter_has_ended_does_not_wait_for_its_list(tmp_path: Path) -> None:
    code = "from harness.bench.processes.server_start import Greeting; Greeting().modules(); print('told')"
    variables = {**os.environ, "ZOO_SERVER_START": f"1:1:{tmp_path}"}  # of another process than the one that starts it
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
