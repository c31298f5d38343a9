"""Layer names: which networks of a bench lack the layer that features are asked of, without weights or computing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from harness.networks.backbones import missing_layer
from zoo.architecture import ModelRequest
from zoo.loading import Sources, build_catalog
from zoo.text import error_text

_NUM_CLASSES = 10  # layers have the same names for any


def missing_layers(sources: Mapping[str, Any], networks: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return for each network a sentence if it has no such layer; empty: it has it, or cannot be built like this.

    Args:
        sources: Fields of :class:`zoo.loading.Sources`.
        networks: The full name of the ``architecture``, its ``options``, the ``image_size`` and the ``layer`` for each.
    """
    catalog = build_catalog(Sources(**sources))
    return [_problem(catalog.architectures.get(each["architecture"]).record, each) for each in networks]


def _problem(architecture: Any, network: Mapping[str, Any]) -> str:
    options = {name: value for name, value in network["options"].items() if name != "weights"}
    request = ModelRequest(
        num_classes=_NUM_CLASSES,
        in_channels=3,
        image_size=network["image_size"] or architecture.native_size,
        pretrained=False,
        options={**architecture.options, **options},
    )
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            model = architecture.build(request)
        return missing_layer(model, network["layer"])
    except Exception as error:  # a plugin's builder may raise anything, and the trial reports it
        print(f"the layers of {architecture.name} cannot be listed: {error_text(error)}", flush=True)
        return ""
