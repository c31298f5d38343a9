"""Preparing: how a trial's images are prepared, from the layers that state it.

The most important first: what the user asks for (``--image-size``, ``--set data.fit=pad``), the recipe, the published
weights that training starts from, and what the dataset and the architecture suggest for the size. What is still open in
a plan depends on the images.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from zoo.architecture import Architecture
from zoo.calling.containment import preparation_of
from zoo.catalog import Entry
from zoo.dataset import Dataset
from zoo.errors import ManyErrors, UsageError
from zoo.options import Option
from zoo.preparation import Preparation, default_size, layered
from zoo.recipe import Recipe

FIELDS = {
    "image_size": "size",
    "fit": "fit",
    "crop_share": "crop_share",
    "interpolation": "interpolation",
    "antialias": "antialias",
}
"""Options of every dataset (``--set data.NAME=VALUE``), and the field of a preparation that each one sets."""

BIT_DEPTH = "bit_depth"
"""Another option of every dataset."""

_PREPARATION = TypeAdapter(Preparation)


def asked_preparation(given: Mapping[str, Option]) -> Preparation:
    """Return what a user asks for with the options of :data:`FIELDS`.

    Raises:
        UsageError: If there are mistakes; it lists all of them.
    """
    values: dict[str, Any] = {FIELDS[name]: value for name, value in given.items()}
    names = {field: name for name, field in FIELDS.items()}
    try:
        return _PREPARATION.validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        sentences = []
        for each in error.errors():
            field = str(each["loc"][0]) if each["loc"] else ""
            message = each["msg"].removeprefix("Value error, ")
            if field:
                message = f"{message[:1].lower()}{message[1:]}, got {each['input']!r}"
            sentences.append(UsageError(f"data.{names.get(field, field)}: {message}" if field else f"data: {message}"))
        ManyErrors.raise_if(sentences)
        raise AssertionError("a validation error names at least one error") from error


def plan_preparation(
    asked: Preparation,
    recipe: Recipe,
    dataset: Dataset,
    architecture: Entry[Architecture],
    options: Mapping[str, Option],
    *,
    pretrained: bool,
) -> Preparation:
    """Return the preparation of a trial as far as it is known without the images.

    Raises:
        ZooError: If the architecture cannot say how images are prepared for its published weights.
    """
    layers = [asked, recipe.preparation or Preparation()]
    if pretrained:
        layers.append(preparation_of(architecture.record, architecture.display_name, options))
    found = layered(layers)
    common = dataset.image_size
    if found.size is None and common is not None:
        found = replace(found, size=default_size(architecture.record.native_size, common=common, median=common))
    return found
