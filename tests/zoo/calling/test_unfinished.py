"""Unfinished calls: a plugin whose code ended the process is known at the next start."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from zoo.calling.unfinished import FOLDER, find_unfinished, forget, noted
from zoo.catalog import Provider

NETS = Provider(name="nets", origin="entry point", module="nets.plugin", distribution="zoo-nets", version="1.0")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def crash() -> Callable[[str], int]:
    """End a process in a call of the plugin, by a statement, and return its exit status."""

    def run(statement: str) -> int:
        code = f"""
            import os, signal
            from zoo.catalog import Provider
            from zoo.calling.unfinished import noted
            provider = {NETS!r}
            with noted("importing plugin 'nets'", provider):
                {statement}
        """
        return subprocess.run([sys.executable, "-c", textwrap.dedent(code)], timeout=60).returncode

    return run


@pytest.mark.parametrize("statement", ["os._exit(0)", "os.kill(os.getpid(), signal.SIGKILL)", "os.abort()"])
def test_a_call_in_which_the_process_ended_is_found(crash: Callable[[str], int], statement: str) -> None:
    crash(statement)
    (call,) = find_unfinished()
    assert call.is_of(NETS)
    assert call.sentence.startswith("zoo ended without a word while importing plugin 'nets' on 20")
    forget([call])
    assert find_unfinished() == []


@pytest.mark.parametrize("statement", ["pass", "raise SystemExit(3)", "1 / 0"])
def test_a_call_that_returns_or_raises_leaves_nothing(crash: Callable[[str], int], cache: Path, statement: str) -> None:
    crash(statement)
    assert list((cache / FOLDER).iterdir()) == []


def test_a_call_that_is_still_running_is_not_unfinished(cache: Path) -> None:
    with noted("importing plugin 'nets'", NETS):
        assert len(list((cache / FOLDER).iterdir())) == 1
        assert find_unfinished() == []


def test_an_id_of_a_process_that_was_given_to_another_one_does_not_hide_a_call(cache: Path) -> None:
    with noted("importing plugin 'nets'", NETS):
        (path,) = (cache / FOLDER).iterdir()
        path.write_text(path.read_text().replace('"started": "', '"started": "1'))
        assert len(find_unfinished()) == 1


def test_a_note_that_is_torn_names_nobody_and_is_removed(crash: Callable[[str], int], cache: Path) -> None:
    crash("os._exit(0)")
    (path,) = (cache / FOLDER).iterdir()
    path.write_bytes(path.read_bytes()[:20])
    assert find_unfinished() == []
    assert not path.exists()


@pytest.mark.timeout(60)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("kind", ["pipe", "device", "sparse", "folder"])
def test_a_note_that_is_no_plain_file_names_nobody(crash: Callable[[str], int], cache: Path, kind: str) -> None:
    crash("os._exit(0)")
    (path,) = (cache / FOLDER).iterdir()
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        path.touch()
        os.truncate(path, 30 * 10**9)
    assert find_unfinished() == []
    assert path.exists() is (kind == "folder")


def test_another_version_of_the_plugin_gets_another_chance(crash: Callable[[str], int]) -> None:
    from dataclasses import replace

    crash("os._exit(0)")
    (call,) = find_unfinished()
    assert not call.is_of(replace(NETS, version="1.1"))


def test_a_cache_that_cannot_be_written_costs_the_note_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "file"))
    with noted("importing plugin 'nets'", NETS):
        pass
    assert find_unfinished() == []
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208
