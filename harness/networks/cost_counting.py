"""Costs: the multiply-accumulates of the networks of a bench, which are built without weights to put them in order."""

from __future__ import annotations

import importlib
import time
from typing import Any

import torch

from harness.networks.complexity import count_macs
from zoo.architecture import ModelRequest
from zoo.loading import Sources, build_catalog
from zoo.text import error_text


def count_each(
    sources: dict[str, Any], networks: list[dict[str, Any]], seconds: float = float("inf")
) -> list[int | None]:
    """Return the multiply-accumulates of a forward pass of one image for each network; None where unknown.

    Once the time is up, those of the first networks are returned, at least of one.

    Args:
        sources: Fields of :class:`zoo.loading.Sources`.
        networks: For each the full name of its ``architecture``, and fields of :class:`zoo.architecture.ModelRequest`.
        seconds: How long it may take, start of the process apart.
    """
    end = time.monotonic() + seconds
    importlib.import_module("torch._dynamo")  # with it, networks are counted on the meta device without computing
    catalog = build_catalog(Sources(**sources))
    found: list[int | None] = []
    for network in networks:
        if found and time.monotonic() >= end:
            break
        asked = dict(network)
        architecture = catalog.architectures.get(asked.pop("architecture")).record
        options = {name: value for name, value in asked.pop("options").items() if name != "weights"}
        request = ModelRequest(pretrained=False, options={**architecture.options, **options}, **asked)
        shape = (request.in_channels, request.image_size, request.image_size)
        try:
            with torch.random.fork_rng(devices=[]):
                found.append(count_macs(lambda: architecture.build(request), shape))  # noqa: B023 - called at once
        except Exception as error:  # a plugin's builder may raise anything, and the trial reports it
            print(f"{architecture.name} cannot be sized up: {error_text(error)}", flush=True)
            found.append(None)
    return found
