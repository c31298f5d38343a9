"""Core ML packages: a classifier for Apple's systems, converted here and run by those who have a Mac.

A package takes an image of the network's size with pixels from 0 to 255, normalises it, and returns the label of the
class and the probability of each. coremltools converts on any system, but predicts on macOS only; here, the written
package is read again, and its program is evaluated by :mod:`harness.classifiers.mil`.

Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from harness.batches.normalization import Normalizer
from harness.classifiers.card import METADATA_KEY, ClassifierCard
from harness.classifiers.mil import Program
from harness.system.quiet_logs import quiet_logs
from zoo._version import __version__
from zoo.errors import StoreError, UsageError

INPUT, LABEL = "image", "classLabel"
"""Names of the input and of the predicted class."""
_MAX_PIXEL = 255


class _PixelModule(nn.Module):
    """Pixels from 0 to 255 ``[B, C, H, W]`` to probabilities ``[B, K]``."""

    shift: Tensor
    scale: Tensor

    def __init__(self, module: nn.Module, card: ClassifierCard) -> None:
        super().__init__()
        self.module = module
        # What the normalisation does to a pixel of 0 and to one of 1 tells its shift and its scale.
        normalize = Normalizer(card, torch.device("cpu"))
        zero, one = (torch.full((1, card.channels, 1, 1), value, dtype=torch.uint8) for value in (0, _MAX_PIXEL))
        shift_1C11 = normalize(zero).double()
        self.register_buffer("shift", shift_1C11.float())
        self.register_buffer("scale", ((normalize(one).double() - shift_1C11) / _MAX_PIXEL).float())

    def forward(self, pixels_BCHW: Tensor) -> Tensor:
        logits_BK: Tensor = self.module(pixels_BCHW * self.scale + self.shift)
        return logits_BK.softmax(dim=1)

    def pixels_of(self, images_BCHW: Tensor) -> Tensor:
        """Return the pixels of normalised images."""
        return ((images_BCHW - self.shift) / self.scale).round().clamp(0, _MAX_PIXEL)


def require_coreml() -> None:
    """Raise ``UsageError`` unless coremltools is installed."""
    if importlib.util.find_spec("coremltools") is None:
        raise UsageError("Core ML needs coremltools: pip install 'zoobench[coreml]'")


def write_coreml(module: nn.Module, card: ClassifierCard, path: Path) -> None:
    """Write *module*, which maps normalised images to logits, as a package in float32 with its card.

    Raises:
        UsageError: If coremltools is not installed.
    """
    require_coreml()
    side = card.image_size
    with _quiet(), torch.no_grad():
        import coremltools

        example_BCHW = torch.zeros(1, card.channels, side, side)
        program = torch.export.export(_PixelModule(module, card).eval(), (example_BCHW,)).run_decompositions({})
        layout = coremltools.colorlayout.RGB if card.channels == 3 else coremltools.colorlayout.GRAYSCALE
        model = coremltools.convert(
            program,
            convert_to="mlprogram",
            inputs=[coremltools.ImageType(name=INPUT, shape=tuple(example_BCHW.shape), color_layout=layout)],
            classifier_config=coremltools.ClassifierConfig(list(card.classes), predicted_feature_name=LABEL),
            compute_precision=coremltools.precision.FLOAT32,
            minimum_deployment_target=coremltools.target.iOS15,
            skip_model_load=True,
        )
        _describe(model, card)
        model.save(str(path))


def open_coreml(path: Path) -> Callable[[Tensor], Tensor]:
    """Read a package; return what its program gives for normalised images ``[B, C, H, W]``: logits ``[B, K]``.

    Raises:
        StoreError: If its input, its class labels or its card are not those of a classifier of zoo.
        UsageError: If coremltools is not installed.
    """
    require_coreml()
    with _quiet():
        program = Program(path)
    card = _card_of(program.spec, path)
    (image,) = program.spec.description.input
    kind, side = image.type.imageType, card.image_size
    if (kind.width, kind.height) != (side, side) or program.classes != card.classes:
        raise StoreError(
            f"{path}: its input and classes are not those of its card; it takes images of {kind.width}×{kind.height} "
            f"pixels and has {len(program.classes)} class labels"
        )
    pixels = _PixelModule(nn.Identity(), card)

    def run(images_BCHW: Tensor) -> Tensor:
        with _quiet():
            return program.logits(pixels.pixels_of(images_BCHW))

    return run


def interface(card: ClassifierCard) -> dict[str, Any]:
    """Return the input and the outputs of a package, for its description."""
    return {
        "input": {
            "name": INPUT,
            "dtype": "image",
            "shape": [1, card.channels, card.image_size, card.image_size],
            "normalization": "pixels from 0 to 255; normalised inside",
        },
        "output": {"name": LABEL, "dtype": "string", "probabilities": len(card.classes)},
    }


def _describe(model: Any, card: ClassifierCard) -> None:
    side = card.image_size
    model.short_description = f"{card.title}: {len(card.classes)} classes"
    model.version = f"zoo {__version__}"
    model.user_defined_metadata.update(card.metadata())
    model.input_description[INPUT] = f"{side}×{side} pixels; from a larger image: {card.resizing}"
    model.output_description[LABEL] = "Class with the largest probability"


def _card_of(spec: Any, path: Path) -> ClassifierCard:
    found = spec.description.metadata.userDefined
    if METADATA_KEY not in found:
        raise StoreError(f"{path} has no classifier card in its metadata; only packages written by zoo export have one")
    return ClassifierCard.parse(found[METADATA_KEY], origin=f"the metadata of {path}")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence progress bars, and warnings on versions of libraries that were not tested together."""
    with warnings.catch_warnings(), quiet_logs("coremltools"), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
