"""Classifier cards: everything besides the weights that is needed to use a trained classifier, as plain data.

A card is derived from the record of a trial, and stored in the metadata of every exported file.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from harness.data.image_files import decoding
from harness.records.record import Layout
from harness.records.spec import MAX_BIT_DEPTH, ArchitectureSpec, FrozenModel, RecipeSpec
from zoo.errors import StoreError
from zoo.preparation import USUAL, Fit, Interpolation, Preparation
from zoo.published import PublishedFigure

METADATA_KEY = "zoo"
"""Key of the card in the metadata of a file, as JSON."""
CARD_VERSION = 1

_Finite = Annotated[float, Field(allow_inf_nan=False)]


class ClassifierCard(FrozenModel):
    """Describes a classifier: its network, its input and its classes."""

    card_version: int = CARD_VERSION
    """Version of this format."""
    title: str
    """Name shown to people."""
    architecture: ArchitectureSpec
    """The network."""
    small_image_changes: tuple[str, ...] | None = None
    """Changes made by the small-image adaptation, one line each; None if it was off."""
    recipe: RecipeSpec | None = None
    """The recipe if it has its own way of predicting or its own head; None if the network returns the logits."""
    new_head: bool = False
    """Whether the network's own head is replaced by one that was fitted to features."""
    mirror_symmetric: bool = True
    """Whether mirroring an image preserves its label."""
    classes: tuple[str, ...] = Field(min_length=2)
    """Class names in the order of the logits."""
    image_size: int = Field(ge=1, le=2**12)
    """Side of the square input in pixels."""
    channels: Literal[1, 3]
    """1 for grey images, 3 for RGB."""
    bit_depth: int | None = Field(default=None, ge=1, le=MAX_BIT_DEPTH)
    """Bits that the values of images with more than 8 bits per sample use; None: all."""
    mean: tuple[_Finite, ...]
    """Mean per channel of pixels in [0, 1]: the input is ``(pixel / 255 - mean) / std``."""
    std: tuple[_Finite, ...]
    """Standard deviation per channel, as the mean."""
    fit: Fit = "crop"
    """How an image of another shape becomes a square; see :class:`zoo.preparation.Preparation`, as for the next four.
    The defaults are those of cards of earlier versions."""
    crop_share: float = Field(default=1.0, gt=0, le=2)
    """Share of the side that is kept."""
    interpolation: Interpolation = "bicubic"
    """Filter of scaling."""
    antialias: bool = True
    """Whether scaling down averages pixels."""
    fill: tuple[Annotated[int, Field(ge=0, le=255)], ...] | None = None
    """Colour of the border of padded images, a value for each channel; None: that of the mean."""
    resizing: str = "shorter side scaled to image_size, bicubic and antialiased; centre square cropped"
    """The same in words."""
    decoding_version: int = decoding.VERSION
    """Version of the code that decoded the images; a newer one may round pixels differently."""
    layout: Layout = "contiguous"
    """Memory layout of images that it was tested with."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Numeric precision that it was tested with on *device*; weights are float32."""
    device: str = "cpu"
    """Type of the device that it was tested on: ``cpu``, ``cuda`` or ``mps``."""
    torch: str = ""
    """PyTorch version that it was trained with."""
    dataset: str = ""
    """Name of the training dataset."""
    fingerprint: str = ""
    """Fingerprint of the dataset."""
    published: PublishedFigure | None = None
    """What was published for its weights."""
    result_key: str = ""
    """Result key of the trial that trained it; empty for imported weights."""

    @model_validator(mode="after")
    def _check_statistics(self) -> ClassifierCard:
        if not len(self.mean) == len(self.std) == self.channels:
            raise ValueError(f"mean and std must have {self.channels} value(s) each, one for each channel")
        if any(value < 0 for value in self.std):
            raise ValueError("std must not be negative")
        return self

    @property
    def preparation(self) -> Preparation:
        """How an image becomes the network's input."""
        return Preparation(
            size=self.image_size,
            fit=self.fit,
            crop_share=self.crop_share,
            interpolation=self.interpolation,
            antialias=self.antialias,
            fill=self.fill,
            mean=self.mean,
            std=self.std,
        )

    @classmethod
    def parse(cls, text: str | bytes, *, origin: str) -> ClassifierCard:
        """Read a card from JSON.

        Raises:
            StoreError: If *text* is not a card; *origin* names its source in the message.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise StoreError(f"{origin} does not describe a classifier: {first_problem(error)}") from error

    def metadata(self) -> dict[str, str]:
        """Return the card as metadata of a file."""
        return {METADATA_KEY: self.model_dump_json()}

    def description(self) -> dict[str, Any]:
        """Return the card as plain values, for the JSON file next to an exported file."""
        return self.model_dump(mode="json")


def preparation_fields(preparation: Preparation) -> dict[str, Any]:
    """Return the fields of a card that state how images are scaled and cropped, besides the size."""
    found = preparation.over(USUAL)
    return {
        "fit": found.fit,
        "crop_share": found.crop_share,
        "interpolation": found.interpolation,
        "antialias": found.antialias,
        "fill": found.fill,
        "resizing": in_words(found),
    }


def in_words(preparation: Preparation) -> str:
    """Return how images are scaled and cropped, as a reader who must do the same needs it."""
    size, scaled = preparation.size, preparation.scaled_size
    how = f"{preparation.interpolation}{' and antialiased' if preparation.antialias else ', not antialiased'}"
    cropped = "" if size == scaled else f"; centre {size}×{size} pixels cropped"
    if preparation.fit == "squash":
        return f"both sides scaled to {scaled} pixels, {how}{cropped}"
    if preparation.fit == "pad":
        colour = ", ".join(map(str, preparation.colour(3)))
        return f"longer side scaled to {scaled} pixels, {how}; padded to a square with the colour {colour}{cropped}"
    return f"shorter side scaled to {scaled} pixels, {how}; centre {size}×{size} pixels cropped"


def first_problem(error: ValidationError) -> str:
    """Return the first problem of a validation error, with its location."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
