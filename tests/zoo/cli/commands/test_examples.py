"""``zoo examples``: a picture of test images from the cache, for seeds of one combination."""

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
    assert "run the same zoo bench again to decode them" in done.stderr
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
