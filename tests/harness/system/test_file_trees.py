"""File trees: a file and a folder are sized, hashed and replaced alike."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from harness.system.file_trees import digest_of_tree, num_bytes_of, replace_tree, sync_tree


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "net.mlpackage"
    (folder / "b" / "c").mkdir(parents=True)
    (folder / "b" / "c" / "weights").write_bytes(b"12345")
    (folder / "b.json").write_bytes(b"{}")
    return folder


def test_sizes_are_those_of_all_files(package: Path) -> None:
    assert num_bytes_of(package) == 7
    assert num_bytes_of(package / "b.json") == 2


def test_the_digest_of_a_file_is_its_sha256(package: Path) -> None:
    assert digest_of_tree(package / "b.json") == hashlib.sha256(b"{}").hexdigest()


def test_the_digest_of_a_folder_is_what_the_documented_command_prints(package: Path) -> None:
    (command,) = (line.strip() for line in str(digest_of_tree.__doc__).splitlines() if "find . -type f" in line)
    command = command.removeprefix("``").split("``")[0]
    printed = subprocess.run(["sh", "-c", command], cwd=package, capture_output=True, text=True, check=True).stdout
    assert printed.split()[0] == digest_of_tree(package)


@pytest.mark.parametrize("change", ["content", "name", "extra"])
def test_the_digest_changes_with_the_folder(change: str, package: Path) -> None:
    before = digest_of_tree(package)
    if change == "content":
        (package / "b.json").write_bytes(b"[]")
    elif change == "name":
        (package / "b.json").rename(package / "d.json")
    else:
        (package / "b" / "empty").touch()
    assert digest_of_tree(package) != before


def test_a_folder_replaces_an_earlier_one_whole(package: Path, tmp_path: Path) -> None:
    path = tmp_path / "earlier.mlpackage"
    path.mkdir()
    (path / "old").touch()
    sync_tree(package)
    replace_tree(package, path)
    assert sorted(each.name for each in path.iterdir()) == ["b", "b.json"]
    assert not package.exists()


def test_a_file_is_not_replaced_by_a_folder(package: Path, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"an earlier one")
    with pytest.raises(OSError, match="Not a directory"):
        replace_tree(package, path)
    assert path.read_bytes() == b"an earlier one"
    assert package.is_dir()


def test_a_folder_that_cannot_be_replaced_is_as_it_was(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "earlier.mlpackage"
    path.mkdir()
    (path / "old").touch()
    rename = os.replace

    def refuse(source: Path, target: Path) -> None:
        if source == package:
            raise OSError("no space left")
        rename(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="no space left"):
        replace_tree(package, path)
    assert [each.name for each in path.iterdir()] == ["old"]
