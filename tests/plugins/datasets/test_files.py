"""Signatures of files, their lines, and the paths that arguments stand for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from plugins.datasets._files import files_signature, find_argument, lines_of
from zoo import DataRequest
from zoo.errors import DataError, UsageError


def test_a_signature_changes_with_a_files_size_time_or_path(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("one")
    seen = [files_signature([path])]
    os.utime(path, ns=(1, 1))
    seen.append(files_signature([path]))
    path.write_text("three")
    os.utime(path, ns=(1, 1))
    seen.append(files_signature([path]))
    seen.append(files_signature([path.rename(tmp_path / "b")]))
    assert len(set(seen)) == 4


def test_blank_lines_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(" one \n\n\ttwo\r\n", encoding="utf-8")
    assert lines_of(tmp_path / "a") == ["one", "two"]


def test_an_argument_is_looked_for_here_and_then_in_the_data_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, root = tmp_path / "here", tmp_path / "root"
    (root / "x").mkdir(parents=True)
    here.mkdir()
    monkeypatch.chdir(here)
    assert find_argument(DataRequest(root=root, argument="x"), "folder") == root / "x"
    (here / "x").mkdir()
    assert find_argument(DataRequest(root=root, argument="x"), "folder") == here / "x"
    with pytest.raises(DataError, match="no file or folder at y in"):
        find_argument(DataRequest(root=root, argument="y"), "folder")
    with pytest.raises(UsageError, match="folder:PATH"):
        find_argument(DataRequest(root=root), "folder")
