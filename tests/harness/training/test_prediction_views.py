"""Prediction views: probabilities averaged over flips and crops of each image."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.training.prediction_views import averaged, predict_of, views
from zoo import Hyperparameters, Recipe

PLAIN = Recipe(name="plain", hyperparameters=Hyperparameters)
IMAGES_BCHW = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def test_one_view_needs_no_function() -> None:
    assert predict_of(PLAIN, Hyperparameters()) is None


@pytest.mark.parametrize(("name", "count"), [("one", 1), ("flip", 2), ("crops", 6), ("flip_crops", 12)])
def test_the_named_views_are_shown_at_full_size(name: str, count: int) -> None:
    found = list(views(IMAGES_BCHW, Hyperparameters(test_views=name)))  # type: ignore[arg-type]
    assert [each.shape for each in found] == [IMAGES_BCHW.shape] * count
    assert torch.equal(found[0], IMAGES_BCHW)
    assert all(not torch.equal(each, found[0]) for each in found[1:])
    if "flip" in name:
        assert torch.equal(found[1], IMAGES_BCHW.flip(3))


def test_crops_are_the_corners_and_the_centre() -> None:
    rows_BCHW = torch.arange(16.0).view(1, 1, 16, 1).expand(1, 1, 16, 16)
    _, *crops = views(rows_BCHW, Hyperparameters(test_views="crops"))
    means = [float(crop.mean()) for crop in crops]
    assert means == pytest.approx([6.5, 6.5, 8.5, 8.5, 7.5], abs=0.05)


def test_probabilities_are_averaged() -> None:
    logits = [torch.tensor([[2.0, 0.0, -1.0]]), torch.tensor([[0.0, 50.0, 0.0]])]
    expected = torch.stack([each.softmax(1) for each in logits]).mean(0)
    torch.testing.assert_close(averaged(iter(logits)).softmax(1), expected)


def test_a_network_that_ignores_views_predicts_the_same() -> None:
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4))
    predict = predict_of(PLAIN, Hyperparameters(test_views="flip"))
    assert predict is not None
    torch.testing.assert_close(predict(model, IMAGES_BCHW).softmax(1), model(IMAGES_BCHW).softmax(1))


def test_a_recipes_own_function_is_called_for_each_view() -> None:
    seen = []

    def own(model: nn.Module, images_BCHW: torch.Tensor, hp: Hyperparameters) -> torch.Tensor:
        seen.append(images_BCHW)
        return images_BCHW.mean(dim=(2, 3))

    predict = predict_of(
        Recipe(name="own", hyperparameters=Hyperparameters, predict=own), Hyperparameters(test_views="flip")
    )
    assert predict is not None
    assert predict(nn.Identity(), IMAGES_BCHW).shape == (2, 3)
    assert len(seen) == 2
