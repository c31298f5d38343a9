"""Classifier cards: all that one must know beside its weights to use a trained classifier. Plain data.

It follows from a trial's record, and lies in the metadata of every file that is exported.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from harness.data import decoding
from harness.records.record import Layout
from harness.records.spec import ArchitectureSpec, FrozenModel, RecipeSpec
from zoo.errors import StoreError

METADATA_KEY = "zoo"
"""Where a file's metadata hold its card, as JSON."""
CARD_VERSION = 1

RESIZING = "shorter side scaled to image_size, bicubic and antialiased; centre square cropped"

_Finite = Annotated[float, Field(allow_inf_nan=False)]


class ClassifierCard(FrozenModel):
    """What a classifier is, which images it takes, and what its logits stand for."""

    card_version: int = CARD_VERSION
    title: str
    """What a person calls it."""
    architecture: ArchitectureSpec
    small_image_changes: tuple[str, ...] | None = None
    """What the small-image adaptation changed, a line each; None: it was not asked for."""
    recipe: RecipeSpec | None = None
    """The recipe, if it predicts in a way of its own; None: logits are what the network returns."""
    mirror_symmetric: bool = True
    """Whether a mirrored image keeps its label."""
    classes: tuple[str, ...] = Field(min_length=2)
    """Logit k is of ``classes[k]``."""
    image_size: int = Field(ge=1, le=2**12)
    """Side in pixels of the square images that it takes."""
    channels: Literal[1, 3]
    """1: grey, 3: RGB."""
    mean: tuple[_Finite, ...]
    """Per channel, of pixels scaled to [0, 1]: the input is ``(pixel / 255 - mean) / std``."""
    std: tuple[_Finite, ...]
    resizing: str = RESIZING
    """How an image of another size is brought to this one."""
    decoding_version: int = decoding.VERSION
    layout: Layout = "contiguous"
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Of the arithmetic that it was tested with, on *device*; weights are in float32."""
    device: str = "cpu"
    """Kind of device that it was tested on: ``cpu``, ``cuda`` or ``mps``."""
    torch: str = ""
    """Version it was trained with."""
    dataset: str = ""
    """What it was trained on."""
    fingerprint: str = ""
    """Of the images it was trained and tested on."""
    result_key: str = ""
    """Of the trial that trained it; empty for weights of other tools."""

    @model_validator(mode="after")
    def _check_statistics(self) -> ClassifierCard:
        if not len(self.mean) == len(self.std) == self.channels:
            raise ValueError(f"mean and std must have {self.channels} value(s) each, one for each channel")
        if any(value < 0 for value in self.std):
            raise ValueError("std must not be negative")
        return self

    @classmethod
    def parse(cls, text: str | bytes, *, origin: str) -> ClassifierCard:
        """Read a card from JSON.

        Raises:
            StoreError: If it is none; *origin* says what holds it.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise StoreError(f"{origin} does not describe a classifier: {first_problem(error)}") from error

    def metadata(self) -> dict[str, str]:
        """Return what goes into the metadata of a file: strings by name."""
        return {METADATA_KEY: self.model_dump_json()}

    def description(self) -> dict[str, Any]:
        """Return it as plain values, for a JSON file beside an exported one."""
        return self.model_dump(mode="json")


def first_problem(error: ValidationError) -> str:
    """Return the first thing that is wrong, with where it is."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
