"""Pictures: file names are checked before any work, and files are written atomically."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from zoo.cli.display.pictures import check_picture_name, write_picture
from zoo.errors import StoreError, UsageError


@pytest.mark.parametrize("name", ["a.png", "a.JPG", "deep/a.jpeg"])
def test_the_suffix_names_the_format(name: str, tmp_path: Path) -> None:
    path = check_picture_name(str(tmp_path / Path(name).name))
    write_picture(Image.new("RGB", (4, 3), "red"), path)
    with Image.open(path) as picture:
        assert (picture.format, picture.size) == ("PNG" if name.endswith("png") else "JPEG", (4, 3))


@pytest.mark.parametrize("name", ["a.gif", "a", "a.png.txt"])
def test_other_suffixes_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"must end in \.png or \.jpg"):
        check_picture_name(name)


def test_a_folder_that_does_not_exist_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        write_picture(Image.new("RGB", (4, 3)), tmp_path / "none" / "a.png")
