"""Maps: which regions of an image raise the classes that the network finds."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from harness.classifiers.trained import TrainedClassifier
from harness.serving.limits import Limits

from .serving_toys import Served, colour_classifier, form, picture, refused


class Left(nn.Module):
    """Says which colour the places of an image have most of, from features of 4 × 4 places."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 3, 2, stride=2, bias=False)
        with torch.no_grad():
            self.features.weight.copy_(torch.eye(3)[:, :, None, None].expand(3, 3, 2, 2))

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return self.features(images_BCHW).mean(dim=(2, 3))


@pytest.fixture
def seeing() -> TrainedClassifier:
    return replace(colour_classifier(), model=Left().eval())


def served(classifier: TrainedClassifier) -> Served:
    return Served(classifier, limits=Limits(), max_batch=2)


def half_red() -> bytes:
    """An image whose left half is red, and whose right half is black."""
    image = np.zeros((8, 8, 3), dtype=np.uint8)
    image[:, :4, 0] = 255
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def pixels(text: str) -> Any:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def test_the_map_of_a_class_is_bright_where_its_evidence_is(seeing: TrainedClassifier) -> None:
    app = served(seeing)
    response = app.ask("POST", "/explain?top_k=2", files=form(("half.png", half_red())))
    assert response.status_code == 200, response.text
    told = response.json()
    assert (told["image"], told["layer"], told["rows"], told["columns"]) == ("half.png", "features", 4, 4)
    red, other = told["maps"]
    assert red["class"] == "red"
    assert red["probability"] > other["probability"]
    map_HW = pixels(red["map"])
    assert map_HW.shape == (8, 8)
    assert map_HW[:, 0].min() == 255
    assert map_HW[:, -1].max() == 0
    assert np.array_equal(pixels(told["seen"]), pixels(base64.b64encode(half_red()).decode()))
    app.classifier.close()


def test_predictions_and_maps_do_not_disturb_each_other(seeing: TrainedClassifier) -> None:
    app = served(seeing)
    before = app.predict(half_red()).json()
    app.ask("POST", "/explain", files=form(half_red()))
    assert app.predict(half_red()).json() == before
    assert not seeing.model.features._forward_hooks
    app.classifier.close()


def test_maps_are_made_of_one_readable_image(seeing: TrainedClassifier) -> None:
    app = served(seeing)
    refused(app.ask("POST", "/explain", files=form(picture(), picture())), 422, "one image at a time, got 2")
    refused(app.ask("POST", "/explain", files=form(("a.png", b"no image"))), 422, "a.png")
    refused(app.ask("POST", "/explain", files=form(("a.png", b""))), 422, "a.png: it is empty")
    app.classifier.close()


def test_a_network_without_places_or_that_cannot_be_copied_has_no_maps(seeing: TrainedClassifier) -> None:
    flat = served(replace(seeing, model=nn.Sequential(nn.Flatten(), nn.Linear(192, 3)).eval()))
    refused(flat.ask("POST", "/explain", files=form(picture())), 422, "no layer with spatial features")
    flat.classifier.close()
    held = served(colour_classifier())  # it holds a lock of a thread
    refused(held.ask("POST", "/explain", files=form(picture())), 422, "it cannot be copied")
    held.classifier.close()


def test_maps_need_the_token(seeing: TrainedClassifier) -> None:
    app = Served(seeing, limits=Limits(), max_batch=2, token=b"secret")
    refused(app.ask("POST", "/explain", files=form(picture())), 401, "token")
    app.classifier.close()
