"""A classifier to serve that needs no training, pictures for it, and forms of them.

Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import io
import threading
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from harness.classifiers.card import ClassifierCard
from harness.classifiers.trained import TrainedClassifier
from harness.records.spec import ArchitectureSpec, ProviderSpec

SOON = 20
"""Seconds after which something that has not happened will not."""


class Colours(nn.Module):
    """Says which of red, green and blue an image has most of; fails on black ones, and knows nothing of white ones."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.go_on.set()
        self.batches: list[int] = []

    def forward(self, images_BCHW: Tensor) -> Tensor:
        self.batches.append(len(images_BCHW))
        assert self.go_on.wait(SOON)
        logits_BK = 8 * images_BCHW.mean(dim=(2, 3))
        if bool((logits_BK.sum(dim=1) == 0).any()):
            raise RuntimeError("it is dark")
        logits_BK[logits_BK.sum(dim=1) > 23.9] = torch.nan
        return logits_BK


def picture(colour: str = "red", *, side: int = 10, form: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(file, form)
    return file.getvalue()


def form(*images: bytes | tuple[str, bytes], field: str = "images") -> list[tuple[str, tuple[str, bytes]]]:
    named = [each if isinstance(each, tuple) else (f"{index}.png", each) for index, each in enumerate(images)]
    return [(field, each) for each in named]


def colour_classifier() -> TrainedClassifier:
    """Return a classifier of red, green and blue that needs no training."""
    provider = ProviderSpec(plugin="a test")
    card = ClassifierCard(
        title="colours",
        architecture=ArchitectureSpec(full_name="test/colours", display_name="colours", provider=provider),
        classes=("red", "green", "blue"),
        image_size=8,
        channels=3,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
    )
    return TrainedClassifier(card=card, model=Colours().eval(), path=Path("nowhere"))
