"""The node's cache: what stays between tasks, for how long, and under which name."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from harness.bench.remote.job import RemoteJob
from harness.bench.remote.node_cache import (
    KEEP_SECONDS,
    mark_sent,
    mark_unsent,
    node_store,
    place_plugins,
    starter_for,
    take_state,
)
from harness.records.state_files import newest_state, state_name
from harness.records.store import HISTORY_FILE
from zoo.loading import build_catalog


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def make_trial(name: str, *, sent: float | None) -> Path:
    """Make the folder of a trial whose record was sent so many seconds ago."""
    folder = node_store("a").folder(name)
    folder.mkdir()
    if sent is not None:
        mark_sent(folder)
        (marker,) = folder.iterdir()
        os.utime(marker, times=(time.time() - sent,) * 2)
    return folder


def test_trials_that_were_sent_long_ago_are_removed_and_no_others(cache: Path) -> None:
    folders = {
        "old": make_trial("old", sent=KEEP_SECONDS + 60),
        "again": make_trial("again", sent=None),
        "recent": make_trial("recent", sent=KEEP_SECONDS - 60),
    }
    mark_sent(folders["again"])
    os.utime(next(folders["again"].iterdir()), times=(0, 0))
    mark_unsent(folders["again"])
    store = node_store("a")
    assert store.root.is_relative_to(cache)
    assert {name for name, folder in folders.items() if folder.exists()} == {"again", "recent"}


def test_benches_have_stores_of_their_own() -> None:
    assert node_store("a").root != node_store("b").root
    assert node_store("a").root == node_store("a").root


def test_plugin_files_lie_under_their_content(cache: Path) -> None:
    job = RemoteJob(kind="probe", bench="a", sources={"files": ["toys.py"], "strict": True})
    (first,) = place_plugins(job, {"plugin/toys.py": b"x = 1"}).files
    (same,) = place_plugins(job, {"plugin/toys.py": b"x = 1"}).files
    sources = place_plugins(job, {"plugin/toys.py": b"x = 2"})
    (other,) = sources.files
    assert sources.strict
    assert first == same != other
    assert [Path(each).read_bytes() for each in (first, other)] == [b"x = 1", b"x = 2"]
    assert Path(first).name == "toys.py"


def test_a_plugin_finds_the_files_beside_it_on_a_node(cache: Path) -> None:
    job = RemoteJob(kind="probe", bench="a", sources={"files": ["lab.py"], "builtin": False, "strict": True})
    given = {
        "plugin/lab.py": b"import placed_helper\nfrom pathlib import Path\n"
        b"import zoo\nzoo_listeners = zoo.hookimpl(lambda: [], specname='zoo_listeners')\n"
        b"assert Path(__file__).with_name('tables').joinpath('a.csv').read_text() == placed_helper.TEXT",
        "plugin/lab.py/placed_helper.py": b"TEXT = '1'",
        "plugin/lab.py/tables/a.csv": b"1",
        "plugin/other.py/placed_helper.py": b"TEXT = '2'",
    }
    sources = place_plugins(job, given)
    assert [plugin.state for plugin in build_catalog(sources).plugins] == ["loaded"]
    (edited,) = place_plugins(job, {**given, "plugin/lab.py/tables/a.csv": b"2"}).files
    assert edited not in sources.files


@pytest.mark.parametrize("part", ["../../escaped.py", "/escaped.py", "a/../../../escaped.py"])
def test_the_files_beside_a_plugin_stay_in_its_folder(cache: Path, part: str) -> None:
    job = RemoteJob(kind="probe", bench="a", sources={"files": ["lab.py"]})
    (placed,) = place_plugins(job, {"plugin/lab.py": b"", f"plugin/lab.py/{part}": b""}).files
    assert list(Path(placed).parent.rglob("escaped.py"))
    assert len(list(cache.rglob("escaped.py"))) == 1


def test_a_plugin_file_stays_in_the_cache_whatever_its_name(cache: Path) -> None:
    name = "../../../escaped.py"
    job = RemoteJob(kind="probe", bench="a", sources={"files": [name]})
    (placed,) = place_plugins(job, {f"plugin/{name}": b""}).files
    assert Path(placed).resolve().is_relative_to(cache.resolve())


@pytest.mark.parametrize(("given", "kept"), [(3, 5), (5, 5), (12, 12)])
def test_the_later_training_state_is_kept(tmp_path: Path, given: int, kept: int) -> None:
    (tmp_path / state_name(5, b"here")).write_bytes(b"here")
    content = b"here" if given == 5 else b"sent"
    take_state(tmp_path, {state_name(given, content): content, "plugin/toys.py": b"", "../state": b""})
    newest = newest_state(tmp_path)
    assert newest is not None
    assert newest.name == state_name(kept, b"sent" if kept == 12 else b"here")
    assert not (tmp_path.parent / "state").exists()


def test_there_is_one_starter_for_the_same_modules() -> None:
    assert starter_for(("torch",)) is starter_for(("torch",))


def test_a_state_comes_with_the_history_of_its_epochs(tmp_path: Path) -> None:
    earlier, later = ({state_name(epoch, b"x"): b"x", HISTORY_FILE: b"%d" % epoch} for epoch in (2, 3))
    take_state(tmp_path, later)
    assert (tmp_path / HISTORY_FILE).read_bytes() == b"3"
    take_state(tmp_path, earlier)
    assert (tmp_path / HISTORY_FILE).read_bytes() == b"3"
    newest = newest_state(tmp_path)
    assert newest is not None
    assert newest.name == state_name(3, b"x")
