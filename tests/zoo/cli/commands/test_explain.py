"""``zoo explain`` and ``zoo examples``: pictures of what a classifier sees, and of what it got right and wrong."""

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


def test_a_file_that_is_no_picture_is_refused_before_anything_is_read(run_zoo: Run) -> None:
    done = run_zoo("explain", "nothing", "image.png", "-o", "out.txt")
    assert done.exit_code == 2
    assert "must end in .png or .jpg" in done.stderr


def test_images_are_explained_and_a_bad_one_is_told_of(
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


def test_examples_of_a_trial_are_drawn_from_the_cache(run_zoo: Run, photo_trial: str, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    done = run_zoo("examples", photo_trial, "--each", "3", "-o", str(out))
    assert done.exit_code == 0, done.output
    with Image.open(out) as picture:
        assert picture.width > 3 * 128


def test_examples_need_the_very_images_that_were_tested(
    run_zoo: Run, photo_trial: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "empty"))
    done = run_zoo("examples", photo_trial, "-o", str(tmp_path / "out.png"))
    assert done.exit_code != 0
    assert "the same zoo bench puts them there" in done.stderr
    assert not (tmp_path / "out.png").exists()


def test_examples_of_a_store_are_refused(run_zoo: Run, tmp_path: Path) -> None:
    done = run_zoo("examples", str(tmp_path))
    assert done.exit_code != 0
    assert "is not a trial folder" in done.stderr


def test_examples_of_other_rows_are_never_averaged(
    run_zoo: Run, photo_trial: str, train_trial: Callable[..., Path], catalog: Catalog
) -> None:
    done = run_zoo("examples", photo_trial, str(train_trial(catalog)))
    assert done.exit_code != 0
    assert "not seeds of one row" in done.stderr
