"""The index of encoded images: bytes, files and parts of files, read in any order."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from harness.data.image_files.opening import UnreadableImageError
from harness.data.streaming_index import EncodedIndex, write_index
from harness.faults.errors import TrialError
from harness.records.record import FailureKind
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


def test_an_image_that_can_no_longer_be_decoded_is_named_with_its_reason(tmp_path: Path) -> None:
    def decode(content: bytes) -> np.ndarray:
        if content != b"whole":
            raise UnreadableImageError("truncated")
        return np.full((1, 1, 1), 7, dtype=np.uint8)

    write_index(tmp_path, "train", [b"whole", b"part"])
    index = EncodedIndex(tmp_path, "train")
    assert index.decoded(0, decode).tolist() == [[[7]]]
    with pytest.raises(TrialError, match=r"image 1 in .*\.bin could be read .* and now it cannot: truncated") as caught:
        index.decoded(1, decode)
    assert caught.value.kind is FailureKind.DATA
