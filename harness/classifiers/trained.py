"""Trained classifiers: a network with its weights and its card, from a trial's folder or from an exported file.

No code in a file is run: weights come from safetensors, everything else is plain data, and the network is built by the
installed plugin. A path may lead to:

==========================================  ===========================================================
a trial folder, or a file in it             its record describes the weights and has their checksum
``.safetensors`` with a card as metadata    written by ``zoo export`` and ``zoo import``
==========================================  ===========================================================
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from harness.classifiers.card import ClassifierCard
from harness.classifiers.recorded import card_in, card_of, entry_of
from harness.data.image_files import decoding
from harness.networks.backbones import HEAD, empty_fitted, feature_layer
from harness.networks.building import build_model
from harness.networks.memory_limit import MemoryLimit
from harness.networks.state_dicts import fill, not_finite
from harness.records.provenance import provider_spec
from harness.records.store import CHECKPOINT_FILE, RECORD_FILE, read_record, trial_folder
from harness.system.free_memory import free_bytes
from harness.training.prediction_views import predict_of
from zoo.architecture import Architecture, ModelRequest
from zoo.calling.containment import hyperparameters_of, reported
from zoo.catalog import Catalog, Entry
from zoo.errors import StoreError
from zoo.files.plain_files import WEIGHTS, read_bytes
from zoo.files.sizes import size_text
from zoo.hyperparameters import Hyperparameters
from zoo.options import resolve_options
from zoo.recipe import Recipe
from zoo.text import error_message

_BUILDING_FACTOR, _BUILDING_BYTES = 4, 256 * 10**6
"""Memory that a network may take while it is built: a multiple of its weights, for initialisations that make
temporary tensors, and as much for tables of indices and the like."""
_TENSOR_BYTES = 16 * 10**9
"""Size of the largest tensor in a forward pass where the free memory is not known."""
_TRIED_IMAGES = 2
"""Images in the forward pass that checks a network."""

Predict = Callable[[nn.Module, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TrainedClassifier:
    """A network with its weights and card, ready to predict as it was tested."""

    card: ClassifierCard
    model: nn.Module
    """The network, in eval mode, float32, on the CPU, without gradients."""
    predict: Predict | None = None
    """Maps ``(model, images_BCHW)`` to logits if the recipe has its own way of predicting; None to call the model."""
    path: Path
    """File that the weights come from."""
    folder: Path | None = None
    """Trial folder, if it comes from one."""
    notes: tuple[str, ...] = ()
    """Differences from the training environment, a sentence each."""


def load_trained(path: Path, catalog: Catalog) -> TrainedClassifier:
    """Load a classifier from *path*.

    Raises:
        StoreError: If there is none, its trial did not finish, or it is damaged.
        PluginError: If its network or recipe comes from a plugin that is not loaded.
        ZooError: If the network cannot be built, or differs from the one that was trained.
    """
    folder = path if path.is_dir() else path.parent
    if path.is_dir() or (path.name in (CHECKPOINT_FILE, RECORD_FILE) and (folder / RECORD_FILE).is_file()):
        return _of_trial(folder, catalog)
    if not path.is_file():
        raise StoreError(f"there is nothing at {path}")
    content = _bytes_of(path)
    return assemble(card_in(path, content), _tensors(path, content), catalog, path=path)


def assemble(
    card: ClassifierCard, tensors: dict[str, Tensor], catalog: Catalog, *, path: Path, folder: Path | None = None
) -> TrainedClassifier:
    """Build the network described by *card* and load its weights; raises like :func:`load_trained`."""
    architecture = entry_of(catalog.architectures, card.architecture, card)
    recipe = None if card.recipe is None else entry_of(catalog.recipes, card.recipe, card)
    model = _build_bounded(card, architecture, tensors, path, recipe=recipe)
    mismatch = fill(model, tensors)
    if mismatch:
        raise StoreError(
            f"the weights in {path} do not fit {card.architecture.display_name} as built by this installation: "
            f"{mismatch}"
        )
    return TrainedClassifier(
        card=card,
        model=model.eval().requires_grad_(False),
        predict=None if recipe is None else _own_predict(recipe, card),
        path=path,
        folder=folder,
        notes=(*_notes(card, architecture), *filter(None, [not_finite(model)])),
    )


def _build_bounded(
    card: ClassifierCard,
    architecture: Entry[Architecture],
    tensors: dict[str, Tensor],
    path: Path,
    *,
    recipe: Entry[Recipe] | None,
) -> nn.Module:
    """Build the network within the memory that its weights and images account for, as the card may be a stranger's.

    Raises:
        StoreError: If it would take more.
    """
    weight_bytes = sum(each.nbytes for each in tensors.values())
    image_bytes = 4 * _TRIED_IMAGES * card.channels * card.image_size**2
    limit = MemoryLimit(
        new_bytes=_BUILDING_FACTOR * weight_bytes + 2 * image_bytes + _BUILDING_BYTES,
        tensor_bytes=free_bytes() or _TENSOR_BYTES,
    )
    try:
        with limit:
            network = build_network(card, architecture)
            return _with_new_head(network, tensors, card, path, recipe=recipe) if card.new_head else network
    finally:
        if limit.exceeded:
            raise StoreError(
                f"{path} is not loaded: building {card.architecture.display_name} for images of {card.image_size} px "
                f"with the options in its card would {limit.exceeded}, and the file holds {size_text(weight_bytes)} of "
                "weights"
            ) from None


def _with_new_head(
    network: nn.Module, tensors: dict[str, Tensor], card: ClassifierCard, path: Path, *, recipe: Entry[Recipe] | None
) -> nn.Module:
    """Replace the network's head by an empty one of the kind that the recipe fits.

    Raises:
        StoreError: If the tensors are not those of such a head.
    """
    empty_head = None if recipe is None else recipe.record.empty_head
    hp = None if recipe is None else _settings_of(recipe, card)
    with reported("making the head", f"{path}: the head of the network in it cannot be made", error=StoreError):
        empty = None if empty_head is None else lambda shapes: empty_head(shapes, hp)
        blank_BCHW = torch.zeros(1, card.channels, card.image_size, card.image_size)
        layer = feature_layer(network, getattr(hp, "layer", HEAD), blank_BCHW)
        return empty_fitted(network, tensors, empty, layer=layer)


def build_network(card: ClassifierCard, architecture: Entry[Architecture]) -> nn.Module:
    """Build the network with initial weights; published ones are not downloaded.

    Raises:
        StoreError: If the small-image adaptation no longer makes the same changes.
        ZooError: If the network cannot be built.
    """
    request = ModelRequest(
        num_classes=len(card.classes),
        in_channels=card.channels,
        image_size=card.image_size,
        pretrained=False,
        options=resolve_options(
            architecture.record.options, card.architecture.options, owner=f"model {architecture.display_name}"
        ),
    )
    adapted = card.small_image_changes is not None
    model, changes = build_model(architecture.record, request, seed=0, adapt=adapted)
    if adapted and changes != card.small_image_changes:
        raise StoreError(
            f"{card.title}: the small-image adaptation makes other changes here ({_listed(changes)}) than in training "
            f"({_listed(card.small_image_changes or ())})"
        )
    return model


def _of_trial(folder: Path, catalog: Catalog) -> TrainedClassifier:
    record = read_record(trial_folder(folder) / RECORD_FILE)
    if record.folds:
        raise StoreError(
            f"{folder} combines {len(record.folds)} cross-validation folds, each with its own classifier; "
            f"give one of them, such as {folder.parent / min(record.folds)}"
        )
    card = card_of(record, catalog, origin=str(folder))
    path = folder / CHECKPOINT_FILE
    if not path.is_file():
        raise StoreError(f"{folder} has no {CHECKPOINT_FILE}: the weights were not kept, or not copied with the folder")
    content = _bytes_of(path)
    expected = record.files.get(CHECKPOINT_FILE)
    if expected is None:
        raise StoreError(f"the record in {folder} has no checksum of {CHECKPOINT_FILE}, so it cannot be verified")
    if hashlib.sha256(content).hexdigest() != expected:
        raise StoreError(f"{path} is damaged: its checksum differs from the one in its record")
    return assemble(card, _tensors(path, content), catalog, path=path, folder=folder)


def _own_predict(entry: Entry[Recipe], card: ClassifierCard) -> Predict | None:
    return predict_of(entry.record, _settings_of(entry, card))


def _settings_of(entry: Entry[Recipe], card: ClassifierCard) -> Hyperparameters:
    assert card.recipe is not None
    hp = hyperparameters_of(entry.record, entry.display_name, entry.provider).with_overrides(
        card.recipe.hyperparameters, owner=entry.display_name
    )
    return hp if card.mirror_symmetric else hp.without_mirroring()  # as in training


def _notes(card: ClassifierCard, architecture: Entry[Architecture]) -> list[str]:
    notes = []
    if card.torch and _minor(card.torch) != _minor(torch.__version__):
        notes.append(
            f"trained with torch {card.torch}, running with {torch.__version__}: logits may differ by rounding"
        )
    name, then, today = card.architecture.display_name, card.architecture, provider_spec(architecture)
    if then.version != architecture.record.version:
        notes.append(
            f"{name} has version {architecture.record.version} here, and had version {then.version} in training"
        )
    elif then.provider.distribution != today.distribution or then.provider.version != today.version:
        brought, brings = (
            f"{each.distribution or each.plugin} {each.version}".strip() for each in (then.provider, today)
        )
        notes.append(f"{name} comes from {brings} here, and came from {brought} in training")
    elif not today.distribution and then.provider.code and then.provider.code_hash != today.code_hash:
        notes.append(f"the file that provides {name} has changed since the training")
    if change := decoding.change_since(card.decoding_version):
        notes.append(change)
    return notes


def _minor(version: str) -> list[str]:
    return version.split("+")[0].split(".")[:2]


def _bytes_of(path: Path) -> bytes:
    try:
        num_bytes, free = path.stat().st_size, free_bytes()
        if free is not None and num_bytes > free:  # a sparse file can have any size
            raise StoreError(
                f"{path} cannot be read: it has {size_text(num_bytes)}, more than the {size_text(free)} of memory that "
                "are free"
            )
        return read_bytes(path, WEIGHTS)
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error


def _tensors(path: Path, content: bytes) -> dict[str, Tensor]:
    from safetensors.torch import load

    try:
        return load(content)
    except Exception as error:  # damaged bytes may make it raise anything
        raise StoreError(
            f"{path} cannot be read as safetensors: {error_message(error) or type(error).__name__}"
        ) from error


def _listed(changes: tuple[str, ...]) -> str:
    return "; ".join(changes) or "no changes"
