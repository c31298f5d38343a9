"""Recorded classifiers: cards of trials and of safetensors files, read without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.classifiers.card import METADATA_KEY, ClassifierCard, first_problem, preparation_fields
from harness.records.record import Outcome, Record
from harness.records.spec import ArchitectureSpec, ProviderSpec, RecipeSpec
from zoo.catalog import Catalog, Entry, Registry
from zoo.errors import PluginError, StoreError, UnknownNameError


def card_of(record: Record, catalog: Catalog, *, origin: str) -> ClassifierCard:
    """Return the card of a trial's classifier.

    Raises:
        StoreError: If the trial is not done; *origin* names it in the message.
        PluginError: If its recipe comes from a plugin that is not loaded.
    """
    if record.origin is not None and not record.origin.has_network:
        raise StoreError(f"{origin} has no network of its own: {record.origin.word}, {record.origin.source}")
    size = None if record.data is None else record.data.image_size
    if record.outcome is not Outcome.DONE or record.model is None or record.data is None or size is None:
        reason = f": {record.reason}" if record.reason else ""
        raise StoreError(f"{origin} has no trained classifier: its trial is {record.outcome}{reason}")
    spec, execution = record.spec, record.spec.execution
    options = dict(spec.architecture.options)
    if record.model.pretrained:
        # The published weights that training started from are not part of the network, and plugins refuse the
        # option unless weights are loaded.
        options.pop("weights", None)
    try:
        card = ClassifierCard(
            title=spec.title,
            architecture=spec.architecture.model_copy(update={"options": options}),
            small_image_changes=record.model.small_image_changes if execution.small_images == "on" else None,
            recipe=spec.recipe,
            mirror_symmetric=spec.dataset.mirror_symmetric,
            classes=record.data.classes,
            image_size=size,
            channels=record.data.channels,  # type: ignore[arg-type]  # any other is an error below
            bit_depth=spec.dataset.bit_depth,
            mean=record.model.mean,
            std=record.model.std,
            **({} if spec.preparation is None else preparation_fields(spec.preparation)),
            # Records without tuning are older, when channels last was always used.
            layout="channels_last" if record.tuning is None else record.tuning.layout,
            precision=execution.precision,  # type: ignore[arg-type]
            device=execution.device.partition(":")[0],
            torch=str(record.environment.get("torch", "")),
            dataset=spec.dataset.display_name,
            fingerprint=record.data.fingerprint,
            result_key=record.result_key,
        )
    except ValidationError as error:
        raise StoreError(f"the record in {origin} does not describe a classifier: {first_problem(error)}") from error
    if record.features is not None and not record.features.own_head:
        return card.model_copy(update={"new_head": True})
    one_view = spec.recipe.hyperparameters.get("test_views", "one") == "one"  # older records have no other
    if one_view and entry_of(catalog.recipes, spec.recipe, card).record.predict is None:
        card = card.model_copy(update={"recipe": None})
    return card


def card_in(path: Path, content: bytes) -> ClassifierCard:
    """Read the card from a safetensors header: its length in 8 bytes, then JSON."""
    hint = "; zoo import reads weights trained elsewhere"
    length = int.from_bytes(content[:8], "little")
    try:
        metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
        text = metadata.get(METADATA_KEY)
    except (ValueError, AttributeError, RecursionError):
        raise StoreError(f"{path} is neither a trial checkpoint nor a safetensors file{hint}") from None
    if not isinstance(text, str):
        raise StoreError(f"{path} has no classifier card{hint}")
    return ClassifierCard.parse(text, origin=f"the metadata of {path}")


def entry_of(registry: Registry[Any], spec: ArchitectureSpec | RecipeSpec, card: ClassifierCard) -> Entry[Any]:
    try:
        return registry.get(spec.full_name)
    except UnknownNameError as error:
        raise PluginError(
            f"{card.title} needs the {registry.kind} {spec.full_name!r}, which {_remedy(spec.provider)}"
        ) from error


def _remedy(provider: ProviderSpec) -> str:
    whole = f"{provider.distribution} {provider.version}".strip()
    if provider.distribution == "zoobench":
        return f"this version of zoo does not have; {whole} had it"
    if provider.distribution:
        return f"{whole} provides, but that is not loaded: pip install {provider.distribution}"
    return f"came from the plugin file {provider.plugin!r}; give that file with --plugin"
