"""Inner files: no part of a path below the folder may be a link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.system.inner_files import find_inner, make_parents, read_inner
from zoo.errors import StoreError
from zoo.files.plain_files import Kind

KIND = Kind("a note", 10)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a file in a folder, links to both, and a pipe."""
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "a" / "file").write_bytes(b"content")
    (root / "to_folder").symlink_to("a")
    (root / "to_file").symlink_to("a/file")
    (root / "to_nothing").symlink_to("nowhere")
    os.mkfifo(root / "pipe")
    return root


def test_plain_files_are_read(root: Path) -> None:
    assert read_inner(root, "a/file", KIND) == b"content"
    assert find_inner(root, "a/file") == root / "a" / "file"


@pytest.mark.parametrize("name", ["b", "a/b", "b/c", "a/file/x"])
def test_absent_files_are_none(root: Path, name: str) -> None:
    assert read_inner(root, name, KIND) is None


@pytest.mark.parametrize("name", ["to_folder/file", "to_file", "to_nothing", "to_nothing/x", "to_folder/x/y"])
def test_links_are_refused_wherever_they_lead(root: Path, name: str) -> None:
    with pytest.raises(StoreError, match="is a link, which could lead anywhere"):
        read_inner(root, name, KIND)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["pipe", "a"])
def test_a_file_that_is_not_plain_is_rejected(root: Path, name: str) -> None:
    with pytest.raises(StoreError, match="is not a plain file"):
        read_inner(root, name, KIND)


def test_the_folder_itself_may_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    assert read_inner(tmp_path / "link", "a/file", KIND) == b"content"


def test_folders_are_made_but_not_behind_links(root: Path) -> None:
    assert make_parents(root, "b/c/file") == root / "b" / "c" / "file"
    assert (root / "b" / "c").is_dir()
    with pytest.raises(StoreError, match="to_folder is a link"):
        make_parents(root, "to_folder/c/file")
    assert not (root / "a" / "c").exists()
