"""Explanations show where the evidence is, follow the weights, and say so where there is nothing to show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from harness.classifiers.card import ClassifierCard
from harness.classifiers.predicting import Predictor
from harness.classifiers.saliency import explain, layers_with_places
from harness.classifiers.trained import TrainedClassifier
from harness.records.spec import ArchitectureSpec, ProviderSpec
from zoo.errors import UsageError

MakePredictor = Callable[..., Predictor]


@pytest.fixture
def predictor() -> MakePredictor:
    """Wrap a network as a trained classifier of RGB images of 16 pixels."""

    def make(net: nn.Module) -> Predictor:
        card = ClassifierCard(
            title="net · dots · r",
            architecture=ArchitectureSpec(full_name="t/net", display_name="net", provider=ProviderSpec(plugin="t")),
            classes=("c0", "c1"),
            image_size=16,
            channels=3,
            mean=(0.0, 0.0, 0.0),
            std=(1.0, 1.0, 1.0),
        )
        classifier = TrainedClassifier(card=card, model=net.eval().requires_grad_(False), path=Path("net"))
        return Predictor(classifier, device="cpu")

    return make


class ColourNet(nn.Module):
    """Class 0 is red somewhere, class 1 is green somewhere: known by construction."""

    def __init__(self, *, flatten: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1, bias=False)
        self.conv.weight.data = torch.tensor([[1.0, -1.0, -1.0], [-1.0, 1.0, -1.0]])[:, :, None, None]
        self.act = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(2)
        self.flatten = flatten
        self.head = nn.Linear(2 * 64 if flatten else 2, 2, bias=False)
        self.head.weight.data = torch.eye(2).repeat_interleave(64, dim=1) if flatten else 10 * torch.eye(2)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        features = self.pool(self.act(self.conv(images_BCHW)))
        return self.head(features.flatten(1) if self.flatten else features.mean(dim=(2, 3)))


def picture(**corners: tuple[int, int, int]) -> np.ndarray:
    """Draw a square into corners of a black image: tl, tr, bl, br."""
    image = np.zeros((16, 16, 3), dtype=np.uint8)
    places = {"tl": (0, 0), "tr": (0, 8), "bl": (8, 0), "br": (8, 8)}
    for corner, colour in corners.items():
        top, left = places[corner]
        image[top + 2 : top + 6, left + 2 : left + 6] = colour
    return image


def share_in(map_HW: np.ndarray, corner: str) -> float:
    rows = slice(0, 8) if corner[0] == "t" else slice(8, 16)
    columns = slice(0, 8) if corner[1] == "l" else slice(8, 16)
    return float(map_HW[rows, columns].sum() / map_HW.sum())


@pytest.mark.parametrize("flatten", [False, True])
@pytest.mark.parametrize(("red", "green"), [("tl", "br"), ("bl", "tr"), ("br", "bl")])
def test_each_class_is_seen_where_its_evidence_is(
    predictor: MakePredictor, flatten: bool, red: str, green: str
) -> None:
    image = picture(**{red: (255, 0, 0), green: (0, 200, 0)})
    found = explain(predictor(ColourNet(flatten=flatten)), image, top_k=2)
    assert [index for index, _ in found.classes] == [0, 1]
    assert share_in(found.maps_KHW[0], red) > 0.95
    assert share_in(found.maps_KHW[1], green) > 0.95
    assert found.maps_KHW.max(axis=(1, 2)).tolist() == pytest.approx([1.0, 1.0])


def test_an_activation_that_layers_share_is_looked_at_where_it_knows_places(predictor: MakePredictor) -> None:
    class Shared(ColourNet):
        def forward(self, images_BCHW: Tensor) -> Tensor:
            return self.act(super().forward(images_BCHW))

    found = explain(predictor(Shared()), picture(br=(255, 0, 0)))
    assert found.layer == "act"
    assert share_in(found.maps_KHW[0], "br") > 0.95


def test_nothing_is_shown_for_a_class_without_evidence(predictor: MakePredictor) -> None:
    found = explain(predictor(ColourNet()), picture(tl=(255, 0, 0)), top_k=2)
    assert found.maps_KHW[0].any()
    assert not found.maps_KHW[1].any()


def test_the_map_is_of_the_features_before_pooling(predictor: MakePredictor) -> None:
    net = ColourNet()
    assert [layer.name for layer in layers_with_places(net, torch.zeros(1, 3, 16, 16))] == ["conv", "act"]
    assert explain(predictor(net), picture(tl=(255, 0, 0))).layer == "act"


def test_other_weights_give_another_map(predictor: MakePredictor) -> None:
    """Adebayo et al., "Sanity checks for saliency maps", 2018: a map that outlives its weights explains nothing."""
    torch.manual_seed(0)

    def net() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(8 * 256, 2),
        )

    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    first, second = (explain(predictor(net()), image).maps_KHW[0] for _ in range(2))
    assert abs(float(np.corrcoef(first.ravel(), second.ravel())[0, 1])) < 0.5


class TokenNet(nn.Module):
    """A vision transformer in small: patches, a class token, one block of attention, a norm, a head."""

    def __init__(self, *, class_token: bool) -> None:
        super().__init__()
        self.class_token = class_token
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.norm1 = nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 2)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        tokens = self.patches(images_BCHW).flatten(2).transpose(1, 2)
        if self.class_token:
            tokens = torch.cat([self.token.expand(len(tokens), -1, -1), tokens], dim=1)
        seen = self.norm1(tokens)
        tokens = self.norm(tokens + self.attention(seen, seen, seen, need_weights=False)[0])
        return self.head(tokens[:, 0] if self.class_token else tokens.mean(dim=1))


@pytest.mark.parametrize(("class_token", "layer"), [(True, "norm1"), (False, "norm")])
def test_tokens_are_laid_out_as_the_grid_that_they_are(predictor: MakePredictor, class_token: bool, layer: str) -> None:
    torch.manual_seed(1)
    image = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    found = explain(predictor(TokenNet(class_token=class_token)), image, top_k=2)
    assert (found.layer, found.num_places) == (layer, (4, 4))
    assert found.maps_KHW.shape == (2, 16, 16)
    assert found.maps_KHW.any()


def test_a_network_without_places_is_one_sentence(predictor: MakePredictor) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 256, 2))
    with pytest.raises(UsageError, match="no layer with spatial features"):
        explain(predictor(net), picture(tl=(9, 9, 9)))


def test_explaining_changes_no_prediction(predictor: MakePredictor) -> None:
    asked = predictor(ColourNet())
    image = picture(tl=(255, 0, 0))
    before = asked.logits(image[None])
    explain(asked, image)
    assert np.array_equal(asked.logits(image[None]), before)
    assert not any(module._forward_hooks for module in asked.classifier.model.modules())
