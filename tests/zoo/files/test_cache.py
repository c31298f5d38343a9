"""The cache folder, whose loss costs time only."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from zoo.cli.group import zoo
from zoo.errors import StoreError
from zoo.files.cache import cache_root, cached_json, data_root, decoded_root, require_writable_cache


def test_zoo_cache_sets_the_folder_of_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "here"))
    assert cache_root() == tmp_path / "here"


@pytest.mark.skipif("sys.platform != 'linux'", reason="the XDG variables are Linux's")
@pytest.mark.parametrize(("given", "expected"), [("/elsewhere", "/elsewhere/zoobench"), ("relative", None), ("", None)])
def test_without_zoo_cache_the_xdg_variable_counts_if_it_is_absolute(monkeypatch, tmp_path, given, expected):
    monkeypatch.delenv("ZOO_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    assert cache_root() == Path(expected or tmp_path / ".cache" / "zoobench")


def test_prepared_datasets_have_a_folder_in_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    assert decoded_root() == tmp_path / "decoded"


def test_downloads_go_where_the_caller_says_else_the_environment_else_into_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ZOO_DATA", raising=False)
    assert data_root() == tmp_path / "cache" / "data"
    monkeypatch.setenv("ZOO_DATA", "~/images")
    assert data_root() == tmp_path / "images"
    assert data_root("/given") == Path("/given")


def test_computed_values_are_cached(monkeypatch, tmp_path):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    made = []

    def make():
        made.append(1)
        return {"a": [1, 2]}

    assert cached_json("facts-1", make) == cached_json("facts-1", make) == {"a": [1, 2]}
    assert len(made) == 1
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["facts-1.json"]


@pytest.mark.parametrize("content", ["", '{"a": [1', "[]", "\udcff"])
def test_a_damaged_file_is_made_again(monkeypatch, tmp_path, content):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    (tmp_path / "facts.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert cached_json("facts", lambda: {"a": 1}) == {"a": 1}
    assert json.loads((tmp_path / "facts.json").read_text()) == {"a": 1}


def test_a_cache_that_cannot_be_written_keeps_nothing_and_breaks_nothing(monkeypatch, tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("not a folder")
    monkeypatch.setenv("ZOO_CACHE", str(blocker / "cache"))
    assert cached_json("facts", lambda: {"a": 1}) == {"a": 1}
    assert blocker.read_text() == "not a folder"


@pytest.mark.skipif(os.name != "posix", reason="a file cannot hold a folder on any system, but the sentence differs")
def test_a_cache_that_cannot_be_written_is_one_sentence_that_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ZOO_CACHE", raising=False)
    with pytest.raises(StoreError) as caught:
        require_writable_cache()
    assert str(caught.value) == (
        f"the cache folder {tmp_path}/home/zoobench cannot be written: Not a directory; "
        "set ZOO_CACHE to a folder that can be written"
    )
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    require_writable_cache()
    assert (tmp_path / "cache").is_dir()


@pytest.mark.skipif(os.name != "posix", reason="a file cannot hold a folder on any system, but the sentence differs")
@pytest.mark.parametrize(
    "words",
    [
        "bench --models lenet5 --data digits",
        "check lenet5",
        "data check digits",
        "plan --models lenet5 --data digits --probe",
    ],
)
def test_each_command_that_needs_the_cache_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    """Issue 15, item 15: a read-only home ended ``zoo check`` with a traceback."""
    (tmp_path / "home").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ZOO_CACHE", raising=False)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(zoo, words.split())
    assert done.exit_code == 2
    assert f"the cache folder {tmp_path / 'home' / 'zoobench'} cannot be written: " in done.stderr
    assert done.stderr.endswith("; set ZOO_CACHE to a folder that can be written\n")
