"""Finding the images that names on a command line stand for."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from harness.classifiers.predicting import find_images
from zoo import image_kinds


def test_image_files_of_a_folder_that_cannot_be_read_are_named_and_not_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_kinds, "has_decoder", lambda kind: False)
    Image.new("RGB", (4, 4)).save(tmp_path / "1", "JPEG")
    (tmp_path / "2.heic").write_bytes(b"\0\0\0\x1cftypheic\0\0\0\0mif1heic")
    (tmp_path / "notes.txt").write_text("cats")
    found = list(find_images([str(tmp_path)]))
    assert [(Path(each.name).name, each.image is None) for each in found] == [("1", False), ("2.heic", True)]
    assert "zoobench[photos]" in found[1].problem
