"""Checks of architectures, each held to a network that was made to break it and has nothing else wrong with it."""

from __future__ import annotations

import dataclasses
import itertools
import os
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo import ModelRequest
from zoo.testing import CHECKS

from .nets import Net, built, right


class AlwaysTenClasses(Net):
    def __init__(self, request: ModelRequest) -> None:
        super().__init__(dataclasses.replace(request, num_classes=10))


class AlwaysColour(Net):
    def __init__(self, request: ModelRequest) -> None:
        super().__init__(dataclasses.replace(request, in_channels=3))


class InfiniteGradient(Net):
    def forward(self, images_BCHW: Tensor) -> Tensor:
        logits_BK = super().forward(images_BCHW)
        return logits_BK + (logits_BK - logits_BK).sqrt()  # zero, with a slope of infinity times zero


class NoGradient(Net):
    def forward(self, images_BCHW: Tensor) -> Tensor:
        with torch.no_grad():
            logits_BK = super().forward(images_BCHW)
        return logits_BK.requires_grad_()


class CountsCalls(Net):
    def __init__(self, request: ModelRequest) -> None:
        super().__init__(request)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, images_BCHW: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(images_BCHW)


class DropoutStaysOn(Net):
    def forward(self, images_BCHW: Tensor) -> Tensor:
        return self.head(nn.functional.dropout(self.features(images_BCHW), 0.5))


class LooksAround(Net):
    def forward(self, images_BCHW: Tensor) -> Tensor:
        logits_BK = super().forward(images_BCHW)
        return logits_BK - logits_BK.mean(dim=0)


class OwnSeed(Net):
    _made = itertools.count()

    def __init__(self, request: ModelRequest) -> None:
        super().__init__(request)
        generator = torch.Generator().manual_seed(next(self._made))
        with torch.no_grad():
            self.head.weight.uniform_(-0.1, 0.1, generator=generator)


def without_randomness(net: Net) -> None:
    for parameter in net.parameters():
        nn.init.constant_(parameter, 0.1)


class KeepsAScaleToItself(Net):
    def __init__(self, request: ModelRequest) -> None:
        super().__init__(request)
        self.scale = 1 + torch.rand(()).item()

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return super().forward(images_BCHW) * self.scale


class RenamesOnLoad(Net):
    def load_state_dict(self, state_dict: Any, *arguments: Any, **options: Any) -> Any:
        return super().load_state_dict({f"module.{name}": value for name, value in state_dict.items()})


class OverflowsInHalf(Net):
    def forward(self, images_BCHW: Tensor) -> Tensor:
        logits_BK = super().forward(images_BCHW)
        return logits_BK if logits_BK.dtype == torch.float32 else logits_BK / 0


class ReadsMemory(Net):
    def features(self, images_BCHW: Tensor) -> Tensor:
        x_BCHW = self.pool(self.norm(self.conv(images_BCHW)).relu())
        return x_BCHW.permute(0, 2, 3, 1).flatten(1) if x_BCHW.stride(1) == 1 else x_BCHW.flatten(1)


class GrowsOnFirstUse(Net):
    def forward(self, images_BCHW: Tensor) -> Tensor:
        if not hasattr(self, "late") and images_BCHW.device.type == "cpu" and len(images_BCHW) == 4:
            self.late = nn.Linear(1, 1)
        return super().forward(images_BCHW)


def lazy(request: ModelRequest) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(request.num_classes))


class LearnsNothing(Net):
    def forward(self, images_BCHW: Tensor) -> Tensor:
        return super().forward(images_BCHW * 0)


def sets_the_dtype(request: ModelRequest) -> nn.Module:
    net = Net(request)
    torch.set_default_dtype(torch.float64)
    return net


def seeds(request: ModelRequest) -> nn.Module:
    torch.manual_seed(42)
    return Net(request)


def uses_threads(request: ModelRequest) -> nn.Module:
    torch.set_num_threads(3)
    return Net(request)


def silences_warnings(request: ModelRequest) -> nn.Module:
    warnings.simplefilter("ignore")
    return Net(request)


def sets_a_variable(request: ModelRequest) -> nn.Module:
    os.environ["NET_WAS_BUILT"] = "yes"
    return Net(request)


class SeedsAtEachPass(Net):
    def forward(self, images_BCHW: Tensor) -> Tensor:
        torch.manual_seed(len(images_BCHW))
        return super().forward(images_BCHW)


class OtherWhenCompiled(Net):
    def forward(self, images_BCHW: Tensor) -> Tensor:
        logits_BK = super().forward(images_BCHW)
        return logits_BK + 1 if torch.compiler.is_compiling() else logits_BK


class BranchesOnValues(Net):
    def forward(self, images_BCHW: Tensor) -> Tensor:
        logits_BK = super().forward(images_BCHW)
        return logits_BK if logits_BK.sum() > 1e9 else logits_BK * 2


BROKEN = (
    ("builds", "returned str, not a torch.nn.Module", right(lambda request: "a network")),
    ("builds", "in eval mode", right(built(Net.eval))),
    ("builds", "no trainable parameters", right(built(lambda net: net.requires_grad_(False)))),
    ("builds", "is float16", right(built(Net.half))),
    ("builds", "ValueError: no such width", right(built(lambda net: _raise(ValueError("no such width"))))),
    ("output_shape", r"2 classes, 3 channel\(s\), 16 px: .*logits \[2, 10\]", right(AlwaysTenClasses)),
    ("output_shape", r"1 channel\(s\), 16 px: .*cannot take images", right(AlwaysColour)),
    ("output_shape", "min_size=1", right(lambda request: nn.Sequential(nn.MaxPool2d(4), Net(request)))),
    ("finite_gradients", "gradient of .* is not finite", right(InfiniteGradient)),
    ("finite_gradients", "no parameter gets a gradient", right(NoGradient)),
    ("eval_leaves_state", "eval mode changes calls", right(CountsCalls)),
    ("eval_leaves_state", "different logits the second time", right(DropoutStaysOn)),
    ("images_are_independent", "alone and in a batch", right(LooksAround)),
    ("same_seed_same_weights", r"differ in head\.weight", right(OwnSeed)),
    ("same_seed_same_weights", "different seeds are equal", right(built(without_randomness))),
    ("state_dict_round_trip", "does not contain all of its state", right(KeepsAScaleToItself)),
    ("state_dict_round_trip", "do not load", right(RenamesOnLoad)),
    ("half_precision", "not finite", right(OverflowsInHalf)),
    ("channels_last", "channels-last memory: logits differ", right(ReadsMemory)),
    ("parameter_count_stable", "1,5.*, 1,5", right(GrowsOnFirstUse)),
    ("parameter_count_stable", "no shape before", right(lazy)),
    ("overfits_64_images", r"training images is \d\d%; expected 95%", right(LearnsNothing)),
    ("build_has_no_side_effects", "default dtype from torch.float32 to torch.float64", right(sets_the_dtype)),
    ("build_has_no_side_effects", "torch's seed", right(seeds)),
    ("build_has_no_side_effects", "number of threads", right(uses_threads)),
    ("build_has_no_side_effects", "warnings filters", right(silences_warnings)),
    ("build_has_no_side_effects", "NET_WAS_BUILT", right(sets_a_variable)),
    ("build_has_no_side_effects", "running it changes torch's seed", right(SeedsAtEachPass)),
    ("compiles", "torch.compile: logits differ", right(OtherWhenCompiled)),
    ("exports", "torch.export: ", right(BranchesOnValues, exportable=True)),
)


IDS = [f"{number}-{each[0]}" for number, each in enumerate(BROKEN)]


@pytest.mark.parametrize(("check", "says", "record"), BROKEN, ids=IDS)
def test_a_check_catches_what_was_made_to_break_it(check, says, record, caught):
    caught(check, says, record)


def test_each_check_has_something_that_breaks_it():
    own = {check.id for check in CHECKS if check.kind == "architectures" and not check.module}
    assert {each[0] for each in BROKEN} == own


def test_a_network_that_is_right_passes_every_check(passed):
    passed(right(exportable=True), inapplicable=["options_take_effect", "pretrained_is_honoured"])


def _raise(error: Exception) -> None:
    raise error
