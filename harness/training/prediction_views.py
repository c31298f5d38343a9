"""Prediction views: several views of each image, whose probabilities are averaged (test-time augmentation).

Shape suffixes: V views, B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from zoo.hyperparameters import Hyperparameters
from zoo.recipe import Recipe

Predict = Callable[[nn.Module, Tensor], Tensor]

CROP_SHARE = 7 / 8
"""Side of a crop as a share of the image's: 224 of 256 pixels."""


def predict_of(recipe: Recipe, hp: Hyperparameters) -> Predict | None:
    """Return the function ``(model, images_BCHW) -> logits_BK`` to call instead of the model; None: the model."""
    own = recipe.predict
    if hp.test_views == "one":
        return None if own is None else lambda model, images_BCHW: own(model, images_BCHW, hp)

    def predict(model: nn.Module, images_BCHW: Tensor) -> Tensor:
        return averaged(
            model(seen_BCHW) if own is None else own(model, seen_BCHW, hp) for seen_BCHW in views(images_BCHW, hp)
        )

    return predict


def views(images_BCHW: Tensor, hp: Hyperparameters) -> Iterator[Tensor]:
    """Yield the views of normalised images that ``hp.test_views`` names, each ``[B, C, H, W]``."""
    for seen_BCHW in (images_BCHW, *(_crops(images_BCHW) if "crops" in hp.test_views else ())):
        yield seen_BCHW
        if "flip" in hp.test_views:
            yield seen_BCHW.flip(3)


def averaged(logits: Iterator[Tensor]) -> Tensor:
    """Return logits ``[B, K]`` whose probabilities are the average over the views' logits."""
    scores_VBK = torch.stack([functional.log_softmax(each_BK.float(), dim=1) for each_BK in logits])
    return torch.logsumexp(scores_VBK, dim=0) - math.log(len(scores_VBK))


def _crops(images_BCHW: Tensor) -> Iterator[Tensor]:
    """Yield the four corners and the centre of images, scaled to their size."""
    height, width = images_BCHW.shape[2:]
    high, wide = math.ceil(CROP_SHARE * height), math.ceil(CROP_SHARE * width)
    down, right = height - high, width - wide
    for top, left in ((0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2)):
        crop_BCHW = images_BCHW[:, :, top : top + high, left : left + wide]
        yield functional.interpolate(crop_BCHW, (height, width), mode="bilinear", align_corners=False)
