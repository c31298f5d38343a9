"""Importing: weights saved by another tool become a classifier if they fit a named architecture exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError
from torch import nn

from harness.classifiers.card import ClassifierCard, first_problem, preparation_fields
from harness.classifiers.formats import FORMATS
from harness.classifiers.tensor_names import NamedTensors, Rename, propose_renames, translate_names
from harness.classifiers.trained import TrainedClassifier
from harness.classifiers.weight_files import read_state_dict
from harness.networks.building import build_model
from harness.networks.state_dicts import StateDictMismatch, fill, not_finite
from harness.records.provenance import provider_spec
from harness.records.spec import ArchitectureSpec
from harness.system.atomic_files import writing
from harness.system.staging import write_staged
from zoo.architecture import Architecture, ModelRequest
from zoo.calling.containment import preparation_of
from zoo.catalog import Catalog, Entry
from zoo.errors import StoreError, UsageError, ZooError
from zoo.options import Option, resolve_options
from zoo.preparation import Preparation, layered
from zoo.published import PublishedFigure
from zoo.text import plural


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportRequest:
    """Weights to import, and the network they belong to."""

    weights: Path
    """State dict as :func:`harness.classifiers.weight_files.read_state_dict` reads it."""
    model: str
    """Name of the architecture."""
    classes: tuple[str, ...]
    """Class names in the order of the logits."""
    image_size: int | None = None
    """Side of the square input in pixels; None for that of the architecture's published weights, else its native
    size."""
    channels: int = 3
    """1 for grey images, 3 for RGB."""
    mean: tuple[float, ...] | None = None
    """Mean per channel of pixels in [0, 1]; None for that of the architecture's published weights."""
    std: tuple[float, ...] | None = None
    """Standard deviation per channel; None for that of the architecture's published weights."""
    options: Mapping[str, Option] = field(default_factory=dict)
    """Options of the architecture."""
    small_images: bool = False
    """Whether the small-image adaptation was applied to the network."""
    key: str | None = None
    """Key of the weights in the file; None for the usual keys."""
    prefix: str | None = None
    """Prefix of the network's tensor names; None to find it."""
    renames: tuple[Rename, ...] = ()
    """Changes of tensor names, in order."""
    published: PublishedFigure | None = None
    """What was published for the weights."""
    ignore: tuple[str, ...] = ()
    """Shell-style patterns of tensors that may be left out."""


def import_weights(request: ImportRequest, output: Path, catalog: Catalog) -> TrainedClassifier:
    """Import weights, write them to *output* as safetensors with a classifier card, and return the classifier.

    Raises:
        StoreError: If the weights cannot be read or do not fit the network.
        UsageError: If a key, prefix or rename does not apply, or the normalisation is unknown.
        ZooError: If the network cannot be built.
    """
    weights = request.weights
    state = read_state_dict(weights, key=request.key)
    entry = catalog.architectures.get(request.model)
    architecture = entry.record
    options = resolve_options(architecture.options, request.options, owner=f"model {entry.display_name}")
    preparation = _preparation(request, entry, options)
    model_request = ModelRequest(
        num_classes=len(request.classes),
        in_channels=request.channels,
        image_size=preparation.size or architecture.native_size,
        options=options,
    )
    network, changes = build_model(architecture, model_request, seed=0, adapt=request.small_images)
    named = translate_names(
        state.tensors, network, ignore=request.ignore, prefix=request.prefix, renames=request.renames
    )
    _check_kinds(weights, named, network)
    mismatch = fill(network, named.tensors)
    if mismatch:
        raise StoreError(
            f"{weights} does not fit {entry.display_name} for {len(request.classes)} classes: {mismatch}"
            f"{_hint(mismatch, named, network)}"
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
                options=dict(model_request.options),
            ),
            small_image_changes=changes if request.small_images else None,
            classes=request.classes,
            image_size=model_request.image_size,
            channels=request.channels,  # type: ignore[arg-type]  # any other is an error below
            mean=preparation.mean,  # type: ignore[arg-type]  # stated, or it has raised
            std=preparation.std,  # type: ignore[arg-type]
            published=request.published,
            **preparation_fields(preparation),
        )
    except ValidationError as error:
        raise UsageError(f"these settings do not describe a classifier: {first_problem(error)}") from error
    classifier = TrainedClassifier(
        card=card,
        model=network.eval().requires_grad_(False),
        path=weights,
        notes=(*state.notes, *named.notes, *_notes_on_values(network, weights)),
    )
    with writing(output):
        write_staged(output, lambda temporary: FORMATS["safetensors"].write(classifier, temporary))
    return replace(classifier, path=output)


def _preparation(request: ImportRequest, entry: Entry[Architecture], options: Mapping[str, Option]) -> Preparation:
    """Return how images are prepared: as requested, over what the architecture's published weights state.

    Raises:
        UsageError: If neither states the mean and standard deviation.
    """
    advice = "give the --mean and --std that the network was trained with"
    why = ""
    try:
        published = preparation_of(entry.record, entry.display_name, options)
    except ZooError as error:
        published, why = Preparation(), f" ({error})"
    published = published.for_channels(request.channels)
    mean, std = request.mean or published.mean, request.std or published.std
    if mean is None or std is None:
        raise UsageError(f"{entry.record.name} has no published mean and standard deviation{why}; {advice}")
    try:
        asked = Preparation(size=request.image_size, mean=mean, std=std)
        return layered([asked, published, Preparation(size=entry.record.native_size)])
    except ValueError as error:
        raise UsageError(f"these settings do not describe a classifier: {error}") from error


def _check_kinds(weights: Path, named: NamedTensors, network: nn.Module) -> None:
    """Raise an error if a file has whole numbers, such as quantised weights, where the network has real ones."""
    own = network.state_dict()
    whole = [
        name
        for name, tensor in named.tensors.items()
        if name in own and own[name].is_floating_point() and not tensor.is_floating_point()
    ]
    if whole:
        raise StoreError(
            f"{weights} has {plural(len(whole), 'tensor')} of whole numbers ({whole[0]} is "
            f"{str(named.tensors[whole[0]].dtype).removeprefix('torch.')}) where the network has real ones: if the "
            "weights are quantised, save them dequantised"
        )


def _notes_on_values(network: nn.Module, weights: Path) -> tuple[str, ...]:
    odd = not_finite(network)
    return (f"{odd}, so it may give no logits: {weights} may be of a training that diverged",) if odd else ()


def _hint(mismatch: StateDictMismatch, named: NamedTensors, network: nn.Module) -> str:
    """Return what the mismatch suggests, with a remedy: other names, tensors to ignore, a part of a network only,
    dimensions in another order, or another number of classes.
    """
    if mismatch.missing and mismatch.unexpected:
        if any("lora_" in name for name in mismatch.unexpected):
            return (
                "; these are LoRA adapters: merge them into the network first (merge_and_unload in peft), and save that"
            )
        if any(name.endswith((".zero_point", "._packed_params")) for name in mismatch.unexpected):
            return "; the weights are quantised: give those of the network before its quantisation"
        renames = propose_renames(named.tensors, network)
        if renames:
            options = " ".join(f"--rename '{rename}'" for rename in renames)
            return f"; order and shapes fit one to one, so try {options}, and check the accuracy"
        if not mismatch.shapes and 2 * len(mismatch.missing) < len(network.state_dict()):
            return (
                "; most tensors fit, so it seems to hold the network's body with another head, as self-supervised "
                "training leaves it; give the weights of the whole classifier, by --key if the file has several"
            )
    if mismatch.unexpected and not mismatch.missing and not mismatch.shapes:
        return (
            "; choose the --model that has the unexpected ones too or, if prediction does not need them, leave them "
            "out with --ignore"
        )
    if mismatch.missing and not mismatch.unexpected and not mismatch.shapes:
        return (
            "; no other tensor of the file could be one of these, so it seems to hold only a part of the network, such "
            "as its body without the classification head; give the weights of the whole classifier, by --key if the "
            "file has several"
        )
    if mismatch.shapes and all(sorted(given) == sorted(wanted) for _, given, wanted in mismatch.shapes):
        return (
            "; the dimensions seem to be in the order of another framework; bring them into PyTorch's with "
            "tensor.permute(…), those of square tensors too, and save the file again"
        )
    counts = {given[0] for _, given, wanted in mismatch.shapes if given and given[1:] == wanted[1:]}
    if mismatch.missing or mismatch.unexpected or len(counts) != 1 or len(mismatch.shapes) > 2:
        return ""
    return f"; the weights seem to be for {counts.pop()} classes"
