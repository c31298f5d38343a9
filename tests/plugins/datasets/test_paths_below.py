"""Paths below a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.datasets._paths_below import PathsBelow


def test_an_index_a_slice_and_a_loop_give_paths(tmp_path: Path) -> None:
    paths = PathsBelow(tmp_path, ["a/1.jpg", "b/2.jpg", "b/3.jpg"])
    assert (len(paths), paths[0], paths[-1]) == (3, tmp_path / "a" / "1.jpg", tmp_path / "b" / "3.jpg")
    assert list(paths[1:]) == [tmp_path / "b" / "2.jpg", tmp_path / "b" / "3.jpg"]
    assert tmp_path / "b" / "2.jpg" in paths
    with pytest.raises(IndexError):
        paths[3]
