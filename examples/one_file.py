"""A plugin in one file: a network, a recipe with its own loss, and a metric.

    zoo bench --plugin examples/one_file.py --models squeezed,lenet5 --recipes focal,sgd_quick --data digits
    zoo check examples/one_file.py

Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import zoo
from zoo import Architecture, Metric, ModelRequest, Predictions, Recipe, hookimpl
from zoo.metric import KnownCase

if TYPE_CHECKING:
    from torch import Tensor, nn


def build_squeezed(request: ModelRequest) -> nn.Module:
    """Build three convolutions, each behind a bottleneck with an eighth of its channels."""
    from torch import nn

    width = int(request.options["width"] or 0)
    layers: list[nn.Module] = []
    channels = request.in_channels
    for level in range(3):
        out = width << level
        layers += [
            nn.Conv2d(channels, out // 8, 1, bias=False),
            nn.Conv2d(out // 8, out, 3, padding=1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(),
            nn.MaxPool2d(2, ceil_mode=True),
        ]
        channels = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, request.num_classes))


@hookimpl
def zoo_architectures() -> Iterator[Architecture]:
    yield Architecture(
        name="squeezed",
        build=build_squeezed,
        summary="three convolutions behind bottlenecks",
        native_size=32,
        options={"width": 64},
    )


def focal_hyperparameters() -> zoo.Hyperparameters:
    """Return the hyperparameters, with one of its own, which ``--set recipe.focus=1`` changes."""

    class Focal(zoo.Hyperparameters):
        focus: float = 2.0

    return Focal(epochs=12, batch_size=32, lr=0.05, nesterov=True, weight_decay=5e-4, schedule="onecycle")


def focal_loss(logits_BK: Tensor, targets: Tensor, hp: Any) -> Tensor:
    """Return the focal loss (Lin et al. 2017): cross-entropy that down-weights easy images, averaged over images.

    Targets are class indices ``[B]``, or probabilities ``[B, K]`` if images are mixed.
    """
    from torch.nn import functional

    log_BK = functional.log_softmax(logits_BK, dim=1)
    focused_BK = (1 - log_BK.exp()) ** hp.focus * log_BK
    if targets.ndim == 1:
        return functional.nll_loss(focused_BK, targets)
    return -(targets * focused_BK).sum(dim=1).mean()


@hookimpl
def zoo_recipes() -> Iterator[Recipe]:
    yield Recipe(
        name="focal",
        hyperparameters=focal_hyperparameters,
        loss=focal_loss,
        summary="SGD on a one-cycle schedule with the focal loss",
        source="https://arxiv.org/abs/1708.02002",
    )


def sure_and_wrong(predictions: Predictions) -> float:
    """Return the share of images that are misclassified with more than 90 % confidence."""
    import numpy as np

    probabilities_NK = predictions.probabilities
    own_N = np.take_along_axis(probabilities_NK, predictions.labels[:, None], axis=1)[:, 0]
    highest_N = probabilities_NK.max(axis=1)
    return float(((highest_N > 0.9) & (own_N < highest_N)).mean())


@hookimpl
def zoo_metrics() -> Iterator[Metric]:
    yield Metric(
        name="sure_and_wrong",
        compute=sure_and_wrong,
        summary="share of images misclassified with more than 90 % confidence",
        unit="%",
        higher_is_better=False,
        # The first is wrong and confident, the second correct, the third wrong and uncertain, the fourth correct.
        known_cases=(KnownCase(logits=[[0, 9], [0, 9], [0, 1], [9, 0]], labels=[0, 1, 0, 0], value=0.25),),
    )
