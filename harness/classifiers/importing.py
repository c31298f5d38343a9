"""Importing: weights that another tool has saved become a classifier of ours, if they fit a named architecture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from harness.classifiers.card import ClassifierCard, first_problem
from harness.classifiers.formats import FORMATS
from harness.classifiers.trained import TrainedClassifier
from harness.networks.building import build_model
from harness.networks.state_dicts import StateDictMismatch, fill, read_state_dict, without_prefix
from harness.records.provenance import provider_spec
from harness.records.spec import ArchitectureSpec
from harness.system.atomic_files import write_atomically, writing
from zoo.architecture import Architecture, ModelRequest
from zoo.catalog import Catalog
from zoo.errors import StoreError, UsageError, ZooError
from zoo.options import Option, resolve_options


def import_weights(
    weights: Path,
    path: Path,
    catalog: Catalog,
    *,
    model: str,
    classes: tuple[str, ...],
    image_size: int | None = None,
    channels: int = 3,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
    options: Mapping[str, Option] | None = None,
    key: str | None = None,
    ignore: Sequence[str] = (),
    small_images: bool = False,
) -> TrainedClassifier:
    """Write to *path* a classifier of the tensors in *weights*, and return it.

    Args:
        weights: A state dict (see :mod:`harness.networks.state_dicts`).
        path: ``.safetensors``, with the classifier's card as metadata.
        catalog: Where *model* is looked for.
        model: Name of the architecture.
        classes: Logit k is of ``classes[k]``.
        image_size: Side in pixels; None: the architecture's own.
        channels: 1 or 3.
        mean: Per channel; None: what the architecture's published weights expect.
        std: Per channel; None: the same.
        options: Of the architecture.
        key: Where in the file the tensors are; None: the usual places.
        ignore: Patterns of names that may be there although the network has no such tensor.
        small_images: Whether the network was adapted to small images.

    Raises:
        StoreError: If the tensors do not all fit, or cannot be read.
        ZooError: If the network cannot be built, or the statistics are not known.
    """
    state = read_state_dict(weights, key=key)
    entry = catalog.architectures.get(model)
    architecture = entry.record
    request = ModelRequest(
        num_classes=len(classes),
        in_channels=channels,
        image_size=image_size or architecture.native_size,
        options=resolve_options(architecture.options, options or {}, owner=f"model {entry.display_name}"),
    )
    if mean is None or std is None:
        published_mean, published_std = _published(architecture, request)
        mean, std = mean or published_mean, std or published_std
    network, changes = build_model(architecture, request, seed=0, adapt=small_images)
    state = without_prefix(state, network)
    misfit = fill(network, state.tensors, ignore=ignore)
    if misfit:
        raise StoreError(
            f"{weights} does not fit {entry.display_name} for {len(classes)} classes: {misfit}{_hint(misfit)}"
        )
    try:
        card = ClassifierCard(
            title=f"{entry.display_name} · {weights.name}",
            architecture=ArchitectureSpec(
                full_name=entry.full_name,
                display_name=entry.display_name,
                version=architecture.version,
                family=architecture.family,
                adapts_small_images=architecture.adapts_small_images,
                provider=provider_spec(entry),
                options=dict(request.options),
            ),
            small_image_changes=changes if small_images else None,
            classes=classes,
            image_size=request.image_size,
            channels=channels,  # type: ignore[arg-type]  # any other is an error below
            mean=mean,
            std=std,
        )
    except ValidationError as error:
        raise UsageError(f"this is no classifier: {first_problem(error)}") from error
    classifier = TrainedClassifier(
        card=card, model=network.eval().requires_grad_(False), path=weights, notes=state.notes
    )
    with writing(path):
        write_atomically(path, lambda temporary: FORMATS["safetensors"].write(classifier, temporary))
    return replace(classifier, path=path)


def _published(architecture: Architecture, request: ModelRequest) -> tuple[tuple[float, ...], tuple[float, ...]]:
    advice = "give --mean and --std, as the tool that trained them had them"
    if architecture.preprocessing is None:
        raise UsageError(f"{architecture.name} has no published mean and deviation: {advice}")
    try:
        found = architecture.preprocessing(replace(request, pretrained=True))
    except ZooError as error:
        raise UsageError(f"{architecture.name} has no published mean and deviation ({error}): {advice}") from error
    return found.mean, found.std


def _hint(misfit: StateDictMismatch) -> str:
    """Say what a misfit looks like, where all that is wrong is the number of classes."""
    counts = {given[0] for _, given, wanted in misfit.shapes if given and given[1:] == wanted[1:]}
    if misfit.missing or misfit.unexpected or len(counts) != 1 or len(misfit.shapes) > 2:
        return ""
    return f"; they seem to be for {counts.pop()} classes"
