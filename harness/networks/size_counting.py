"""Sizes of architectures: parameters and multiply-accumulates, counted without weights on the meta device.

``python -m harness.networks.size_counting`` is a process that counts for others: it reads a job as JSON from its input,
and writes a line of JSON for each network, so that neither its imports nor a network that ends it cost the caller more
than that network.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter

from harness.networks.complexity import count_macs, count_parameters
from zoo.architecture import Architecture, ModelRequest
from zoo.catalog import Catalog
from zoo.loading import Sources, build_catalog
from zoo.text import error_text


class CountedSize(NamedTuple):
    """The size of a network; None where it cannot be counted."""

    params: int | None
    macs: int | None
    """Multiply-accumulates of a forward pass of one image of its native size."""
    reason: str = ""
    """Why its parameters cannot be counted."""


def size_of(architecture: Architecture, num_classes: int) -> CountedSize:
    """Count a network for RGB images of its native size; nothing is computed, and no memory is taken.

    Args:
        architecture: The architecture, with its default options.
        num_classes: Number of classes of the head.
    """
    side = max(architecture.native_size, architecture.min_size)
    request = ModelRequest(num_classes=num_classes, in_channels=3, image_size=side, options=dict(architecture.options))
    try:
        try:
            model = _built(architecture, request, torch.device("meta"))
        except Exception:  # a plugin may raise anything, and some compute their widths with tensors, as RegNets do
            model = _built(architecture, request, parameters_on_meta())
        params, _ = count_parameters(model)
    except Exception as error:
        return CountedSize(None, None, error_text(error, max_length=200))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return CountedSize(params, count_macs(model, (3, side, side)))


@contextlib.contextmanager
def parameters_on_meta() -> Iterator[None]:
    """Move each parameter of a module to the meta device as it is registered; other tensors keep their values.

    At no time is more than one parameter in memory, and networks whose builders read values from tensors can be built.
    """
    register = nn.Module.register_parameter

    def registered(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        is_lazy = isinstance(parameter, UninitializedParameter)
        if parameter is not None and not is_lazy and parameter.device.type != "meta":
            parameter = nn.Parameter(parameter.data.to("meta"), requires_grad=parameter.requires_grad)
        register(module, name, parameter)

    nn.Module.register_parameter = registered  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        nn.Module.register_parameter = register  # type: ignore[method-assign]


def _built(
    architecture: Architecture, request: ModelRequest, where: contextlib.AbstractContextManager[Any]
) -> nn.Module:
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]), where:
        warnings.simplefilter("ignore")
        return architecture.build(request)


def _count(job: dict[str, Any], catalog: Catalog) -> None:
    answers = sys.stdout
    logging.disable(logging.WARNING)
    with contextlib.redirect_stdout(sys.stderr):
        for name, num_classes in job["models"]:
            print(json.dumps([name]), file=answers, flush=True)  # if it ends the process, the caller knows which did
            size = size_of(catalog.architectures.get(name).record, num_classes)
            print(json.dumps([name, *size]), file=answers, flush=True)


if __name__ == "__main__":
    work = json.load(sys.stdin)
    torch.set_num_threads(1)
    with contextlib.redirect_stdout(sys.stderr):
        plugins = build_catalog(Sources(**work["sources"]))
    _count(work, plugins)
