"""Given networks become plugins: from their source where there is one, and marked where there is none."""

from __future__ import annotations

import copy
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from zoo import ModelRequest, build_catalog
from zoo.api.given.networks import PICKLED, given_networks, keep_network, names_of_models
from zoo.errors import UsageError
from zoo.loading import Sources


class Net(nn.Module):
    def __init__(self, num_classes: int, in_channels: int = 3) -> None:
        super().__init__()
        self.head = nn.Linear(in_channels, num_classes)

    def forward(self, images_BCHW: torch.Tensor) -> torch.Tensor:
        return self.head(images_BCHW.mean(dim=(2, 3)))


def built(file: Path, name: str) -> tuple[Any, nn.Module]:
    catalog = build_catalog(Sources(files=(str(file),), entry_points=False, strict=True))
    record = catalog.architectures.get(name).record
    torch.manual_seed(0)
    return record, record.build(ModelRequest(num_classes=4, in_channels=1, image_size=8))


@pytest.mark.parametrize("factory", [Net, lambda num_classes, in_channels: Net(num_classes, in_channels=in_channels)])
def test_a_factory_becomes_a_plugin_with_its_source(factory: Any) -> None:
    kept = keep_network(factory, "own net")
    assert kept.full_name == "own-net/own-net"
    assert kept.note == ""
    record, net = built(kept.file, kept.full_name)
    assert record.version == ""
    assert "class Net" in kept.file.read_text()
    assert net(torch.zeros(2, 1, 8, 8)).shape == (2, 4)
    assert keep_network(factory, "own net") == kept


def test_what_has_no_source_is_pickled_and_marked() -> None:
    trained = Net(4, 1)
    kept = keep_network(lambda: copy.deepcopy(trained), "held")
    assert "could not be fingerprinted by its source (trained is an object of type Net" in kept.note
    record, net = built(kept.file, kept.full_name)
    assert record.version == PICKLED
    assert record.files == ("held.pickle",)
    assert torch.equal(net.head.weight, trained.head.weight)


def test_a_network_itself_and_what_cannot_be_kept_are_refused() -> None:
    with pytest.raises(UsageError, match="models has Net: give names, classes, or functions"):
        keep_network(Net(4))
    lock = threading.Lock()
    with pytest.raises(UsageError, match="can neither be written down nor pickled"):
        keep_network(lambda: lock, "held")


def test_names_stand_beside_networks() -> None:
    networks = given_networks(["lenet5", Net])
    assert names_of_models(["lenet5", Net], networks) == ["lenet5", "net/net"]
    by_name = {"wide": Net}
    assert names_of_models(by_name, given_networks(by_name)) == ["wide/wide"]
    assert names_of_models("lenet5,linear", given_networks("lenet5,linear")) == "lenet5,linear"
    assert names_of_models(None, {}) is None
