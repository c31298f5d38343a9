"""Progressive resizing: images grow for two thirds of the epochs, in whole strides."""

from __future__ import annotations

from harness.batches.resizing import progressive_side
from zoo.hyperparameters import Hyperparameters


def sides(full_side: int, start: float, epochs: int) -> list[int]:
    hp = Hyperparameters(epochs=epochs, progressive_resizing=start)
    return [progressive_side(full_side, hp, epoch) for epoch in range(1, epochs + 1)]


def test_it_is_off_by_default():
    assert sides(224, 1.0, 3) == [224, 224, 224]


def test_images_grow_in_steps_of_a_stride_and_are_whole_in_the_last_third():
    found = sides(224, 0.5, 12)
    assert found[0] == 128  # 112 is between two strides
    assert found == sorted(found)
    assert found[8:] == [224] * 4
    assert all(side % 32 == 0 for side in found)


def test_small_images_grow_in_smaller_steps():
    assert sides(32, 0.5, 6) == [16, 20, 24, 28, 32, 32]
    assert sides(8, 0.1, 3) == [4, 4, 8]


def test_a_single_epoch_has_whole_images():
    assert sides(64, 0.5, 1) == [64]
