"""Searching folders for images."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from zoo.files import image_kinds
from zoo.files.image_files import LeftOut, walk_images

HEIC = b"\0\0\0\x1cftypheic\0\0\0\0mif1heic"


@pytest.fixture(autouse=True)
def no_decoders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_kinds, "has_decoder", lambda kind: False)


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize("name", ["a", "a.jfif", "a.pjpeg", "a.jpg_large", "a.JPG:large", "a.apng", "a.heic", "a.2024"])
def test_an_image_is_found_with_any_suffix(tmp_path: Path, name: str) -> None:
    """Twitter saves .jpg_large, Chrome .jfif; a list of suffixes drops them without a word."""
    (tmp_path / name).write_bytes(jpeg())
    left_out = LeftOut()
    assert [path.name for path in walk_images(tmp_path, left_out)] == [name]
    assert not left_out.images
    assert not left_out.others


def test_files_left_out_are_counted_by_suffix_with_the_package_that_reads_them(tmp_path: Path) -> None:
    for name in ("1.heic", "2.HEIC", "3", "4.nef"):
        (tmp_path / name).write_bytes(b"II*\0" if name == "4.nef" else HEIC)
    (tmp_path / "notes.txt").write_text("three cats")
    (tmp_path / "readme").write_text("a cat")
    left_out = LeftOut()
    assert list(walk_images(tmp_path, left_out)) == []
    assert list(left_out.omissions()) == [
        "3 image files left out because HEIC cannot be read here: 2 .heic, 1 without a suffix "
        "(pip install 'zoobench[photos]' reads HEIC)",
        "1 image file left out because camera raw cannot be read here: 1 .nef (convert camera raw to PNG or JPEG)",
    ]
    assert list(left_out.notes()) == ["2 files left out because they are not images: 1 .txt, 1 without a suffix"]


def test_junk_of_operating_systems_is_neither_an_image_nor_counted(tmp_path: Path) -> None:
    for name in ("__MACOSX/._a.jpg", "@eaDir/a.jpg", ".ipynb_checkpoints/a.jpg", "Thumbs.db", ".DS_Store", "x/._b.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(jpeg())
    left_out = LeftOut()
    assert list(walk_images(tmp_path, left_out)) == []
    assert left_out == LeftOut()


def test_a_file_with_an_images_suffix_is_an_image_whatever_its_content(tmp_path: Path) -> None:
    """Reading it fails with its name; leaving it out would change what is tested on."""
    (tmp_path / "a.jpg").write_text("<html>not found</html>")
    assert [path.name for path in walk_images(tmp_path)] == ["a.jpg"]
