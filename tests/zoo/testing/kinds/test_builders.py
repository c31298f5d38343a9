"""Checks of building, each held to a builder that was made to break it, and to right ones that look alike."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo import Architecture, ModelRequest
from zoo.errors import UsageError
from zoo.testing import CHECKS, State, Subject, judge

from .nets import Net, right


def body() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(4), nn.Flatten())


@functools.cache
def shared_body() -> nn.Module:
    return body()


def with_shared_body(request: ModelRequest) -> nn.Module:
    return nn.Sequential(shared_body(), nn.Linear(128, request.num_classes))


def with_replaced_head(request: ModelRequest) -> nn.Module:
    net = shared_net()
    net.head = nn.Linear(128, request.num_classes)
    return net


@functools.cache
def shared_net() -> Net:
    return Net(ModelRequest(num_classes=10))


NORM = nn.BatchNorm2d(8, affine=False)
DROPOUT = nn.Dropout(0.5)
RELU = nn.ReLU()
SCALE = torch.tensor([2.0])


class SharesStatistics(Net):
    def __init__(self, request: ModelRequest) -> None:
        super().__init__(request)
        self.norm = NORM


class SharesDropout(Net):
    def __init__(self, request: ModelRequest) -> None:
        super().__init__(request)
        self.dropout = DROPOUT

    def features(self, images_BCHW: Tensor) -> Tensor:
        return self.dropout(super().features(images_BCHW))


class SharesWhatIsConstant(Net):
    """Right: an activation has no state, and the buffer never changes."""

    def __init__(self, request: ModelRequest) -> None:
        super().__init__(request)
        self.act = RELU
        self.register_buffer("scale", SCALE)

    def features(self, images_BCHW: Tensor) -> Tensor:
        return self.act(super().features(images_BCHW)) * self.scale


class WithOptions(Net):
    """Reads its options as real networks do."""

    def __init__(self, request: ModelRequest) -> None:
        options = request.options
        super().__init__(request)
        self.dropout = nn.Dropout(float(options.get("drop_rate") or 0.0))
        self.checkpointing = bool(options.get("checkpointing"))
        self.temperature = float(options.get("temperature") or 1.0)
        if options.get("style") not in (None, "plain", "fancy"):
            raise UsageError(f"style {options['style']!r} is not known")
        depth = int(options.get("depth") or 11)
        if depth not in (11, 13, 16):
            raise ValueError(f"no configuration of depth {depth}")
        self.extra = nn.ModuleList(nn.Linear(128, 128) for _ in range(depth - 11))
        if options.get("attention"):
            self.gate = nn.Linear(128, int(options["heads"] or 1))

    def features(self, images_BCHW: Tensor) -> Tensor:
        features_BD = self.dropout(super().features(images_BCHW))
        for layer in self.extra:
            features_BD = layer(features_BD)
        if hasattr(self, "gate"):
            features_BD = features_BD * self.gate(features_BD).sigmoid().mean(1, keepdim=True)
        if self.checkpointing and self.training:
            return torch.utils.checkpoint.checkpoint(nn.Identity(), features_BD, use_reentrant=False)
        return features_BD


class RefusesAllWidths(Net):
    def __init__(self, request: ModelRequest) -> None:
        if request.options["width"] != 8:
            raise ValueError("shapes do not fit")
        super().__init__(request)


class CannotBeDeep(Net):
    def __init__(self, request: ModelRequest) -> None:
        if request.options["deep"]:
            raise NotImplementedError("later")
        super().__init__(request)


class StoresAndForgets(Net):
    def __init__(self, request: ModelRequest) -> None:
        super().__init__(request)
        self.width = request.options["width"]


class ReadsText(Net):
    def __init__(self, request: ModelRequest) -> None:
        super().__init__(request)
        self.norm = nn.BatchNorm2d(8) if request.options["norm"] == "batch" else nn.GroupNorm(2, 8)


def published(*, loads: bool) -> Architecture:
    """Return an architecture with published weights, which its builder loads or forgets about."""

    def build(request: ModelRequest) -> nn.Module:
        net = Net(request)
        if request.pretrained and loads:
            nn.init.constant_(net.conv.weight, 0.25)
        return net

    return right(build, has_pretrained=True)


def unavailable(request: ModelRequest) -> nn.Module:
    import urllib.request

    net = Net(request)
    if request.pretrained:
        urllib.request.urlopen("https://weights.invalid/net.safetensors", timeout=5)
    return net


BROKEN = (
    ("builds_share_nothing", r"two builds share 0\.0\.weight.*training one changes", right(with_shared_body)),
    ("builds_share_nothing", "two builds share conv.weight", right(with_replaced_head)),
    ("builds_share_nothing", r"share norm\.running_mean|eval mode changes", right(SharesStatistics)),
    ("builds_share_nothing", "eval mode changes what the first returns", right(SharesDropout)),
    ("options_take_effect", "'width' does nothing: 4, 16 and 9 give the same", right(Net, options={"width": 8})),
    (
        "options_take_effect",
        "'width' does nothing: 4.*; option 'deep' does nothing: True gives the same",
        right(Net, options={"width": 8, "deep": False}),
    ),
    ("options_take_effect", "'deep' does nothing: True gives", right(Net, options={"deep": False})),
    ("options_take_effect", "'style' does nothing: build does not read it", right(Net, options={"style": "plain"})),
    ("options_take_effect", "'width' does nothing", right(StoresAndForgets, options={"width": 8})),
    (
        "options_take_effect",
        r"'width' \(default 8\) takes no other value; 4: .*shapes do not fit",
        right(RefusesAllWidths, options={"width": 8}),
    ),
    (
        "options_take_effect",
        "'deep' .* takes no other value; True: .*later",
        right(CannotBeDeep, options={"deep": False}),
    ),
    ("pretrained_is_honoured", "no published ones are loaded", published(loads=False)),
)
RIGHT = (
    ("builds_share_nothing", right(SharesWhatIsConstant)),
    *(
        ("options_take_effect", right(WithOptions, options=options))
        for options in (
            {"drop_rate": 0.0},
            {"checkpointing": False},
            {"style": "plain"},
            {"depth": 11},
            {"attention": False, "heads": 4},
        )
    ),
    ("options_take_effect", right(ReadsText, options={"norm": "batch"})),
    ("pretrained_is_honoured", published(loads=True)),
)


@pytest.mark.parametrize(("check", "says", "record"), BROKEN, ids=[f"{i}-{each[0]}" for i, each in enumerate(BROKEN)])
def test_a_check_catches_what_was_made_to_break_it(check: str, says: str, record: Any, caught: Any) -> None:
    caught(check, says, record)


@pytest.mark.parametrize(("check", "record"), RIGHT, ids=[f"{i}-{each[0]}" for i, each in enumerate(RIGHT)])
def test_a_check_does_not_accuse_what_only_looks_alike(check: str, record: Any) -> None:
    verdict = judge(_check(check), Subject(record=record))
    assert verdict.state is State.PASSED, verdict.reason


def test_published_weights_that_would_have_to_be_downloaded_are_not_judged() -> None:
    verdict = judge(_check("pretrained_is_honoured"), Subject(record=right(unavailable, has_pretrained=True)))
    assert verdict.state is State.SKIPPED
    assert "not available here" in verdict.reason
    assert "downloads nothing" in verdict.reason


def test_each_check_has_something_that_breaks_it_and_something_that_does_not() -> None:
    ids = {check.id for check in CHECKS if check.module == "builders"}
    assert {each[0] for each in BROKEN} == {each[0] for each in RIGHT} == ids


def _check(name: str) -> Any:
    (found,) = (each for each in CHECKS if each.id == name)
    return found
