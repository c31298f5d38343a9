"""What the default weights of models classify, and what was published for them."""

from __future__ import annotations

import pytest

from zoo import Catalog
from zoo.api.published_heads import published_accuracy, published_head


def test_weights_have_their_head_and_their_accuracy(catalog: Catalog) -> None:
    entry = catalog.architectures.get("torchvision/resnet18")
    head, figure = published_head(entry), published_accuracy(entry)
    assert head is not None
    assert figure is not None
    assert len(head.classes) == 1000
    assert figure.value == pytest.approx(0.69758)


def test_a_network_without_weights_has_neither(catalog: Catalog) -> None:
    entry = catalog.architectures.get("lenet5")
    assert (published_head(entry), published_accuracy(entry)) == (None, None)


def test_weights_without_a_published_figure_have_a_head(catalog: Catalog) -> None:
    entry = catalog.architectures.get("timm/resnet18")
    assert published_head(entry) is not None
    assert published_accuracy(entry) is None
