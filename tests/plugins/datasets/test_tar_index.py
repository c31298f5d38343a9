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
        ("1_json", b"[5]", "5"),
        ("1_json", b'{"labels": ["cat"]}', "cat"),
        ("1_json", b'{"labels": [0, 1]}', ""),
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
    (tmp_path / "a.tar").write_bytes(b"PIXELS" * 300)
    with pytest.raises(DataError, match="not a tar file"):
        index_tar(tmp_path / "a.tar")


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.USTAR_FORMAT)


def block(content: bytes) -> bytes:
    return content + bytes(-len(content) % tarfile.BLOCKSIZE)


IMAGE = header("a/x.png", 3) + block(b"png")
END = bytes(1024)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (header("././@PaxHeader", 8**11 - 1, tarfile.XHDTYPE) + IMAGE + END, r"a header states 8\.59 GB"),
        (
            header("././@LongLink", 2_000_000, tarfile.GNUTYPE_LONGNAME) + bytes(2_000_000) + IMAGE,
            "a header states 2 MB",
        ),
        (header("././@PaxHeader", 6, tarfile.XHDTYPE) + block(b"6 k=v\n"), "damaged"),
        (
            (header("././@PaxHeader", 6, tarfile.XHDTYPE) + block(b"6 k=v\n")) * 20_000 + IMAGE + END,
            "thousands of headers",
        ),
        (
            IMAGE + header("b/y.png", 3) + block(b"png") + header("./a/x.png", 3) + block(b"two") + END,
            "'a/x.png' twice",
        ),
        (IMAGE + END + header("b/y.png", 3) + block(b"png") + END, "goes on after its end marker at byte 1,024"),
        (IMAGE + END + bytes(8192) + b"x", "goes on after its end marker"),
    ],
    ids=["PAX of 8 GB", "long name", "header alone", "chain of headers", "twice", "two in one", "more"],
)
def test_a_header_takes_little_memory_and_no_member_is_lost(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        index_tar(tmp_path / "a.tar")


def test_zeros_after_the_end_are_as_tar_writes_them(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(IMAGE + END + bytes(10240))
    assert [each.name for each in index_tar(tmp_path / "a.tar")] == ["a/x.png"]
