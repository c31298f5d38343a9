"""The index of a tar file: members with their places, labels and kinds."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from plugins.datasets._tar_index import index_tar
from zoo.errors import DataError


def tar(path: Path, **members: bytes) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name.replace("__", "/").replace("_", "."))
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def test_each_member_has_its_place_and_hidden_ones_are_skipped(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", a__1_jpg=b"one", a__2_jpg=b"two!", _hidden=b"x")
    members = index_tar(path)
    assert [each.name for each in members] == ["a/1.jpg", "a/2.jpg"]
    content = path.read_bytes()
    assert [content[each.start : each.start + each.size] for each in members] == [b"one", b"two!"]


@pytest.mark.parametrize(
    ("name", "content", "label"),
    [
        ("1_cls", b"7\n", "7"),
        ("1_txt", b" cat \n", "cat"),
        ("1_json", b'{"label": 3, "width": 10}', "3"),
        ("1_json", b'{"cls": "cat", "target": 2}', "cat"),
        ("1_json", b"5", "5"),
        ("1_json", b'{"caption": "a cat"}', ""),
        ("1_json", b"{broken", ""),
        ("1_txt", b"x" * 201, ""),
    ],
)
def test_labels_are_read_from_the_members_that_webdataset_writes(
    tmp_path: Path, name: str, content: bytes, label: str
) -> None:
    (member,) = index_tar(tar(tmp_path / "a.tar", **{name: content}))
    assert member.text == label


def test_the_kind_of_an_image_is_detected_if_the_suffix_is_not_an_images(tmp_path: Path) -> None:
    members = index_tar(tar(tmp_path / "a.tar", a=b"\xff\xd8\xff\xe0", b_heic=b"", c_jpg=b"\xff\xd8\xff", d_md=b"text"))
    assert [each.kind for each in members] == ["JPEG", "HEIC", "", ""]


def test_a_file_that_is_not_a_tar_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"PK\3\4" * 300)
    with pytest.raises(DataError, match="not a tar file"):
        index_tar(tmp_path / "a.tar")
