"""Checks of passes, each held to a network that was made to break it, and to right ones that look alike."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from zoo import ModelRequest
from zoo.testing import CHECKS, State, Subject, judge

from .nets import Net, right


class EndsInSoftmax(Net):
    def forward(self, images_BCHW: Tensor) -> Tensor:
        return super().forward(images_BCHW).softmax(dim=1)


class EndsInSigmoid(Net):
    def forward(self, images_BCHW: Tensor) -> Tensor:
        return super().forward(images_BCHW).sigmoid()


class EndsInLogSoftmax(Net):
    """Right: the softmax of log-probabilities is the softmax of the logits."""

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return super().forward(images_BCHW).log_softmax(dim=1)


class EndsInRelu(Net):
    """Right, if odd: SqueezeNet's logits pass one."""

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return (super().forward(images_BCHW) / 100).relu()


class Clamps(Net):
    def forward(self, images_BCHW: Tensor) -> Tensor:
        return super().forward(images_BCHW.clamp_(-1, 1))


class ScalesInPlaceInEval(Net):
    def forward(self, images_BCHW: Tensor) -> Tensor:
        if not self.training:
            images_BCHW *= 0.5
        return super().forward(images_BCHW)


class ClampsACopy(Net):
    def forward(self, images_BCHW: Tensor) -> Tensor:
        return super().forward(images_BCHW.clone().clamp_(-1, 1))


class UnseededNoise(Net):
    def features(self, images_BCHW: Tensor) -> Tensor:
        features_BD = super().features(images_BCHW)
        if self.training:
            noise_BD = np.random.default_rng().normal(size=features_BD.shape).astype(np.float32)
            features_BD = features_BD + torch.from_numpy(noise_BD)
        return features_BD


class UnseededPythonNoise(Net):
    def features(self, images_BCHW: Tensor) -> Tensor:
        return super().features(images_BCHW) * (random.Random().random() if self.training else 1.0)


class UnseededGradients(Net):
    def features(self, images_BCHW: Tensor) -> Tensor:
        features_BD = super().features(images_BCHW)
        if features_BD.requires_grad:
            features_BD.register_hook(lambda gradient: gradient * float(np.random.default_rng().normal()))
        return features_BD


class OwnGenerator(Net):
    """Resumed, it would start its sequence again."""

    def __init__(self, request: ModelRequest) -> None:
        super().__init__(request)
        self.generator = torch.Generator().manual_seed(0)

    def features(self, images_BCHW: Tensor) -> Tensor:
        features_BD = super().features(images_BCHW)
        return features_BD * torch.rand((), generator=self.generator) if self.training else features_BD


class SeededNoise(Net):
    """Right: a trial seeds these generators for each epoch."""

    def features(self, images_BCHW: Tensor) -> Tensor:
        features_BD = super().features(images_BCHW)
        if self.training:
            features_BD = features_BD + 0.1 * torch.randn_like(features_BD) + np.random.normal() + random.random()
        return features_BD


class KeepsAnUnusedLayer(Net):
    def __init__(self, request: ModelRequest) -> None:
        super().__init__(request)
        self.spare = nn.Linear(3, 3)


class DetachesItsBody(Net):
    def features(self, images_BCHW: Tensor) -> Tensor:
        return super().features(images_BCHW).detach()


class DropsALayerAtRandom(Net):
    """Right: stochastic depth leaves a layer out of some passes."""

    def __init__(self, request: ModelRequest) -> None:
        super().__init__(request)
        self.extra = nn.Linear(128, 128)

    def features(self, images_BCHW: Tensor) -> Tensor:
        features_BD = super().features(images_BCHW)
        return features_BD if self.training and torch.rand(()) < 0.7 else features_BD + self.extra(features_BD)


class FrozenAndUnused(Net):
    """Right: nobody waits for a gradient of it."""

    def __init__(self, request: ModelRequest) -> None:
        super().__init__(request)
        self.spare = nn.Linear(3, 3).requires_grad_(False)


BROKEN = (
    ("returns_logits", "sum to 1.*leave out the softmax", EndsInSoftmax),
    ("returns_logits", "like those of a sigmoid", EndsInSigmoid),
    ("images_are_left_alone", "in train mode it changes its input in place", Clamps),
    ("images_are_left_alone", "in eval mode it changes its input in place", ScalesInPlaceInEval),
    ("training_is_reproducible", "different logits in train mode", UnseededNoise),
    ("training_is_reproducible", "different logits in train mode", UnseededPythonNoise),
    ("training_is_reproducible", "different gradients of conv.weight", UnseededGradients),
    ("training_is_reproducible", "its state_dict does not contain", OwnGenerator),
    ("parameters_are_used", r"spare\.weight, spare\.bias got no gradient in 8", KeepsAnUnusedLayer),
    ("parameters_are_used", r"conv\.weight.* got no gradient", DetachesItsBody),
)
RIGHT = (
    ("returns_logits", EndsInLogSoftmax),
    ("returns_logits", EndsInRelu),
    ("images_are_left_alone", ClampsACopy),
    ("training_is_reproducible", SeededNoise),
    ("training_is_reproducible", DropsALayerAtRandom),
    ("parameters_are_used", DropsALayerAtRandom),
    ("parameters_are_used", FrozenAndUnused),
)


@pytest.mark.parametrize(("check", "says", "net"), BROKEN, ids=[f"{each[0]}-{each[2].__name__}" for each in BROKEN])
def test_a_check_catches_what_was_made_to_break_it(check: str, says: str, net: Any, caught: Any) -> None:
    caught(check, says, right(net))


@pytest.mark.parametrize(("check", "net"), RIGHT, ids=[f"{each[0]}-{each[1].__name__}" for each in RIGHT])
def test_a_check_does_not_accuse_what_only_looks_alike(check: str, net: Any) -> None:
    (found,) = (each for each in CHECKS if each.id == check)
    verdict = judge(found, Subject(record=right(net)))
    assert verdict.state is State.PASSED, verdict.reason


def test_each_check_has_something_that_breaks_it_and_something_that_does_not() -> None:
    ids = {check.id for check in CHECKS if check.module == "forward_passes"}
    assert {each[0] for each in BROKEN} == {each[0] for each in RIGHT} == ids
