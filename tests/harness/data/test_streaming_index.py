"""The index of encoded images: bytes, files and parts of files, read in any order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.data.image_files.decoding import UnreadableImageError
from harness.data.streaming_index import EncodedIndex, write_index
from zoo.dataset import FilePart


def test_every_kind_of_image_is_read_back_where_it_is(tmp_path: Path) -> None:
    index_folder, shard, file = tmp_path / "index", tmp_path / "a.tar", tmp_path / "b.png"
    index_folder.mkdir()
    shard.write_bytes(b"..part..")
    file.write_bytes(b"whole")
    write_index(index_folder, "train", [b"packed", FilePart(path=shard, start=2, size=4), file, b"too"])
    index = EncodedIndex(index_folder, "train")
    assert [index.read(number) for number in (3, 2, 1, 0)] == [b"too", b"whole", b"part", b"packed"]
    assert len(index) == 4
    assert index.path(2) == file


def test_a_file_that_changed_or_is_gone_is_unreadable(tmp_path: Path) -> None:
    file = tmp_path / "b.png"
    file.write_bytes(b"whole")
    write_index(tmp_path, "train", [file])
    index = EncodedIndex(tmp_path, "train")
    os.utime(file, ns=(1, 1))
    with pytest.raises(UnreadableImageError, match="has changed"):
        index.read(0)
    file.unlink()
    with pytest.raises(UnreadableImageError, match="No such file"):
        index.read(0)
