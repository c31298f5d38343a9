"""The effect of a preparation on images of various sizes."""

from __future__ import annotations

import pytest

from harness.data.audits.preparation_effect import effect_of
from zoo.preparation import Preparation

PHOTOGRAPHS = {(500, 375): 3, (375, 500): 1}


def test_a_centre_crop_discards_the_ends_of_the_longer_side() -> None:
    found = effect_of(PHOTOGRAPHS, Preparation(size=224, fit="crop", crop_share=1.0))
    assert found.discarded == found.most_discarded == pytest.approx(0.25)
    assert (found.num_enlarged, found.enlargement) == (0, 1.0)


def test_a_crop_share_discards_a_border_too() -> None:
    found = effect_of(PHOTOGRAPHS, Preparation(size=224, fit="crop", crop_share=0.875))
    assert found.discarded == pytest.approx(1 - 0.875**2 * 0.75)
    assert "crop 0.875" in found.preparation


@pytest.mark.parametrize("fit", ["pad", "squash"])
def test_padding_and_squashing_discard_nothing(fit) -> None:
    found = effect_of({(1000, 100): 2}, Preparation(size=50, fit=fit, crop_share=1.0))
    assert found.discarded == 0


def test_small_pictures_are_enlarged() -> None:
    sizes = {(40, 32): 2, (32, 32): 1, (500, 300): 5}
    found = effect_of(sizes, Preparation(size=224, fit="crop", crop_share=1.0))
    assert (found.num_enlarged, found.enlargement, found.largest_enlargement) == (3, 7.0, 7.0)
    assert found.most_discarded == pytest.approx(0.4)
    padded = effect_of(sizes, Preparation(size=224, fit="pad", crop_share=1.0))
    assert padded.enlargement == pytest.approx(224 / 40)
    assert padded.largest_enlargement == 7.0
