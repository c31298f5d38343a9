"""The images of a trial: mapped into memory, and the test split locked until training is over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.data.images import PreparedData, SelectedImages, TrialImages


@pytest.fixture
def prepared(tmp_path: Path) -> PreparedData:
    for name in ("train", "val", "test"):
        np.save(tmp_path / f"{name}-images.npy", np.full((2, 4, 4, 1), len(name), dtype=np.uint8))
        np.save(tmp_path / f"{name}-labels.npy", np.array([0, 1]))
        np.save(tmp_path / f"{name}-samples.npy", np.array([1, 2], dtype=np.uint64))
    return PreparedData(
        folder=str(tmp_path), fingerprint="f", classes=("a", "b"), image_size=4, channels=1, mean=(0.0,), std=(1.0,),
        mirror_symmetric=True, num_train=2, num_val=2, num_test=2,
    )  # fmt: skip


def test_the_test_split_opens_once_and_after_training(prepared: PreparedData) -> None:
    images = TrialImages(prepared)
    with pytest.raises(RuntimeError, match="after training"):
        images.open_test()
    images.end_training()
    assert int(images.open_test().images_NHWC[0].max()) == 4
    with pytest.raises(RuntimeError, match="once per trial"):
        images.open_test()


def test_prepared_data_know_their_size_and_are_read_only(prepared: PreparedData) -> None:
    assert prepared.num_bytes == 6 * 16
    with pytest.raises(ValueError, match="read-only"):
        prepared.load("train").images_NHWC[0] = 1  # type: ignore[index]


def test_selected_images_are_some_in_an_order_of_their_own() -> None:
    images = np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1)
    selected = SelectedImages(images=images, places_N=np.array([2, 0]))
    assert (len(selected), selected.shape, selected.nbytes) == (2, (2, 1, 1, 1), 2)
    assert selected[:].ravel().tolist() == [2, 0]
    assert selected[5:].shape == (0, 1, 1, 1)
