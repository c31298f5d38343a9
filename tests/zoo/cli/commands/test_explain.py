"""``zoo explain``: a picture of saliency maps, and how it exits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image

from zoo import Catalog

Run = Callable[..., Result]


@pytest.fixture
def photo_trial(train_trial: Callable[..., Path], catalog: Catalog) -> str:
    return str(train_trial(catalog, epochs=4))


def test_a_file_that_is_not_a_picture_is_rejected_before_anything_is_read(run_zoo: Run) -> None:
    done = run_zoo("explain", "nothing", "image.png", "-o", "out.txt")
    assert done.exit_code == 2
    assert "must end in .png or .jpg" in done.stderr


def test_images_are_explained_and_a_bad_one_is_reported(
    run_zoo: Run, photo_trial: str, photo_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    good = next(photo_folder.rglob("*.png"))
    out = tmp_path / "out.png"
    done = run_zoo("explain", photo_trial, str(good), str(tmp_path / "bad.png"), "-o", str(out), "--device", "cpu")
    assert done.exit_code == 1, done.output
    assert f"{good}: " in done.stdout.replace("\n", "")
    assert "bad.png: not an image of a known format" in done.stderr
    assert "resolution" in done.stderr
    with Image.open(out) as picture:
        assert picture.width > 3 * 224


def test_more_images_than_the_limit_are_counted(
    run_zoo: Run, photo_trial: str, photo_folder: Path, tmp_path: Path
) -> None:
    done = run_zoo("explain", photo_trial, str(photo_folder), "--limit", "2", "-o", str(tmp_path / "out.jpg"))
    assert done.exit_code == 0, done.output
    assert "--limit is 2" in done.stderr
