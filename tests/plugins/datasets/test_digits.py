"""scikit-learn's digits, with a split of our own that never changes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from zoo import Splits


def test_digits_are_all_there_once_and_scaled_to_bytes(load: Callable[..., Splits]) -> None:
    splits = load("digits")
    assert (len(splits.train), len(splits.test), splits.val) == (899, 898, None)  # type: ignore[arg-type]
    ids = [*splits.train.ids, *splits.test.ids]  # type: ignore[misc,union-attr]
    assert sorted(map(int, ids)) == list(range(1797))
    images = splits.train.images
    assert images is not None
    assert images.shape[1:] == (8, 8, 1)
    assert (images.min(), images.max()) == (0, 255)


def test_half_of_each_digit_is_for_testing(load: Callable[..., Splits]) -> None:
    splits = load("digits")
    assert splits.test is not None
    counts = np.bincount(splits.test.labels)
    shares = counts / (counts + np.bincount(splits.train.labels))
    assert abs(shares - 0.5).max() < 0.003


def test_the_test_split_of_digits_never_changes(load: Callable[..., Splits]) -> None:
    """Scores of different versions compare only on the same test images."""
    splits = load("digits")
    assert splits.test is not None
    assert splits.test.ids is not None
    assert list(splits.test.ids[:8]) == ["0", "1", "3", "4", "7", "8", "9", "10"]
    assert sum(map(int, splits.test.ids)) == 791_437


@pytest.mark.parametrize("has_file", [True, False])
def test_images_and_labels_are_those_of_scikit_learn(
    load: Callable[..., Splits], monkeypatch: pytest.MonkeyPatch, has_file: bool
) -> None:
    if not has_file:
        monkeypatch.setattr(Path, "is_file", lambda path: False)
    splits = load("digits")
    expected = load_digits()
    for split in (splits.train, splits.test):
        assert split is not None
        assert split.images is not None
        places = list(map(int, split.ids or []))
        assert (split.labels == expected.target[places]).all()
        assert (split.images[..., 0] == np.rint(expected.images[places] * 255 / 16)).all()


def test_loading_digits_does_not_import_scikit_learn() -> None:
    """It takes as long to import as torch does."""
    code = """
import sys
from pathlib import Path
from plugins.datasets.digits import load_digits
from zoo import DataRequest
load_digits(DataRequest(root=Path()))
sys.exit("sklearn" in sys.modules or "scipy" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
