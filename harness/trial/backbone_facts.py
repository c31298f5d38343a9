"""Backbone facts: what is known of a backbone beside its features, kept with them in the cache.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from pydantic import ValidationError
from torch import nn

from harness.batches.device_images import DeviceImages
from harness.batches.forward_settings import ForwardSettings
from harness.data.cache.feature_files import FeatureFolder
from harness.data.images import ImageSet, TrialImages
from harness.measuring.best_inference import find_best_inference
from harness.measuring.inference import timed_batch
from harness.networks.backbones import HEAD, feature_layer, take_head, takes_linear_head
from harness.networks.building import check_output
from harness.networks.complexity import count_macs
from harness.records.record import Layout
from harness.records.spec import FrozenModel
from harness.trial.setup import TrainingSetup

TIMED_IMAGES = 10_000
"""Number of images from which choosing the memory format by timing pays off: it takes as long as a few hundred."""
_TIMED_BATCH, _TIMED_SECONDS = 16, 0.2


class BackboneFacts(FrozenModel):
    """What is known of a backbone beside its features, as stored with them."""

    layer: str
    output: str = ""
    """Name of the layer whose outputs the features are; empty: they are what the head is given."""
    own_head: bool
    macs: int | None
    layout: Layout


def stored_facts(kept: FeatureFolder) -> BackboneFacts | None:
    """Return what is stored with the features; None if nothing is, or it is damaged."""
    try:
        return BackboneFacts.model_validate(kept.read_facts())
    except ValidationError:
        return None


def facts_of(
    kept: FeatureFolder, setup: TrainingSetup, settings: ForwardSettings, images: TrialImages, *, asks_layout: bool
) -> BackboneFacts:
    """Return what is stored with the features, or look at the network, which takes a few forward passes.

    The weights of the network's head are changed.

    Raises:
        TrialError: If the network has no head, or not the layer that the recipe asks for.
    """
    if (stored := stored_facts(kept)) is not None:
        return stored
    model, request, prepared = setup.model, setup.request, images.prepared
    check_output(model, setup.architecture_name, request)
    shape = (request.in_channels, request.image_size, request.image_size)
    noise_BCHW = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    output = feature_layer(model, getattr(setup.resolved.hp, "layer", HEAD), noise_BCHW)
    own_head = not output and takes_linear_head(model, noise_BCHW, request.num_classes)
    macs = count_macs(model, shape)
    backbone = take_head(model, output)
    try:
        layout: Layout = "channels_last" if settings.channels_last else "contiguous"
        if asks_layout and prepared.num_train + prepared.num_val + prepared.num_test >= TIMED_IMAGES:
            layout = _fastest_layout(backbone.pooled, images.train, settings)
    finally:
        backbone.put_back()
    facts = BackboneFacts(layer=backbone.layer, output=output, own_head=own_head, macs=macs, layout=layout)
    kept.write_facts(facts.model_dump(mode="json"))
    return facts


def _fastest_layout(pooled: nn.Module, images: ImageSet, settings: ForwardSettings) -> Layout:
    settings.place(pooled)
    images_BCHW, _ = timed_batch(DeviceImages(images, settings.device, resident=False), settings, _TIMED_BATCH)
    precision = "fp32" if settings.precision == "fp16" else settings.precision
    best = find_best_inference(
        pooled.eval(),
        images_BCHW,
        torch.zeros(_TIMED_BATCH, dtype=torch.int64),
        compile=False,
        budget_seconds=_TIMED_SECONDS,
        precisions=(precision,),
    )
    return "channels_last" if best is None else best.layout
