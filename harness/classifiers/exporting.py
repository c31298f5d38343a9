"""Exporting: a trained classifier as a file for other tools, which appears only if it says what the original says.

Shape suffixes: N images, B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.batches.normalization import Normalizer
from harness.classifiers.formats import FORMATS, ExportFormat, Run, Served
from harness.classifiers.quantizing import Calibration, Method, Quantization
from harness.classifiers.trained import TrainedClassifier
from harness.faults.failures import one_line
from harness.records.spec import FrozenModel
from harness.system.atomic_files import sha256_of, write_atomically, write_json, writing
from zoo.catalog import Catalog
from zoo.errors import UsageError, ZooError

_BATCH = 32


class Parity(FrozenModel):
    """How far an exported classifier is from the original, on the same images."""

    images: int
    max_difference: float
    """Largest absolute difference between two logits."""
    relative_difference: float
    """The same as a share of the largest logit's size, where that is above 1: float32 rounds in proportion."""
    top1_agreement: float
    """Share of images for which both name the same class."""


class ParityError(ZooError):
    """What was exported does not say what the original says; the file is not kept."""

    def __init__(self, parity: Parity, message: str) -> None:
        self.parity = parity
        super().__init__(message)


class Exported(FrozenModel):
    """What a file came to that was written in whole numbers of 8 bits."""

    parity: Parity
    quantization: Quantization
    num_bytes: int
    num_bytes_float: int
    """Of the same classifier in the same format, in float32."""


def export_classifier(
    classifier: TrainedClassifier,
    form: str,
    path: Path,
    *,
    images_NHWC: NDArray[np.uint8],
    catalog: Catalog,
    tolerance: float,
) -> Parity:
    """Write *classifier* to *path*, read it again, and hold it to the original on real images.

    Beside it, ``NAME.json`` gets its card, what goes in and comes out, its sum, and the parity.

    Args:
        classifier: Its network stays on the CPU.
        form: One of :data:`harness.classifiers.formats.FORMATS`.
        path: Replaced at once, when all is well; must end as the format's files do.
        images_NHWC: Decoded images, at least one.
        catalog: For reading it again.
        tolerance: Largest relative difference that passes.

    Raises:
        ParityError: If the difference is larger, or a logit is not finite; *path* is then as it was.
        UsageError: If *path* does not end as it must, or the format needs what is not installed.
        ZooError: If the network cannot be exported, or the file not be written.
    """
    how = _format_for(form, path)

    def check(temporary: Path) -> Parity:
        parity = compare(classifier, how.open(temporary, catalog), images_NHWC)
        if not parity.relative_difference <= tolerance:  # NaN does not pass
            raise ParityError(
                parity,
                f"{path} is not kept: its logits are up to {parity.relative_difference:.2g} away from the original's "
                f"(relative to the largest logit), more than the tolerance of {tolerance:g}",
            )
        return parity

    return _write_checked(
        classifier, form, path, lambda temporary: how.write(classifier, temporary), check, lambda parity: {}
    )


def export_quantized(
    classifier: TrainedClassifier,
    form: str,
    path: Path,
    *,
    method: Method,
    calibration: Calibration | None,
    images_NHWC: NDArray[np.uint8],
    catalog: Catalog,
    min_agreement: float,
) -> Exported:
    """Write *classifier* in whole numbers of 8 bits, if it still names the classes that the original names.

    As :func:`export_classifier`, but logits differ by nature, so top-1 agreement decides. ``NAME.json`` also says how
    it was quantised, and how large the file would be in float32.

    Args:
        method: One that the format has.
        calibration: Training images; None for ``dynamic``, which needs none.
        min_agreement: Least share of images for which both must name the same class.

    Raises:
        ParityError: If they name the same class for fewer, or a logit is not finite; *path* is then as it was.
    """
    how = _format_for(form, path)
    quantize = how.quantize.get(method)
    if quantize is None:
        raise UsageError(f"--quantize {method} does not go with {form}: {_quantizing_formats()}")
    done: dict[str, Any] = {}

    def write(temporary: Path) -> None:
        how.write(classifier, temporary)
        done["num_bytes_float"] = temporary.stat().st_size
        done["quantization"] = quantize(classifier, temporary, calibration)
        done["num_bytes"] = temporary.stat().st_size

    def check(temporary: Path) -> Parity:
        parity = compare(classifier, how.open(temporary, catalog), images_NHWC)
        if not (parity.top1_agreement >= min_agreement and math.isfinite(parity.max_difference)):
            raise ParityError(
                parity,
                f"{path} is not kept: it names the original's class for {100 * parity.top1_agreement:.2f} % of the "
                f"images, and {100 * min_agreement:g} % are asked for (--min-agreement)",
            )
        return parity

    def describe(parity: Parity) -> dict[str, object]:
        done["exported"] = Exported(
            parity=parity, **{name: done[name] for name in ("quantization", "num_bytes", "num_bytes_float")}
        )
        described: dict[str, object] = done["exported"].model_dump(mode="json", exclude={"parity"})
        return described

    _write_checked(classifier, form, path, write, check, describe)
    exported: Exported = done["exported"]
    return exported


def _format_for(form: str, path: Path) -> ExportFormat:
    how = FORMATS[form]
    if path.suffix != how.suffix:
        raise UsageError(f"{path} must end in {how.suffix}, for it is to be {form}")
    return how


def _quantizing_formats() -> str:
    return "; ".join(f"{name} has {' and '.join(how.quantize)}" for name, how in FORMATS.items() if how.quantize)


def _write_checked(
    classifier: TrainedClassifier,
    form: str,
    path: Path,
    write: Callable[[Path], None],
    check: Callable[[Path], Parity],
    describe: Callable[[Parity], dict[str, object]],
) -> Parity:
    """Write a file and its description, and keep neither if *check* raises."""
    parity: Parity | None = None

    def write_and_check(temporary: Path) -> None:
        nonlocal parity
        try:
            write(temporary)
            parity = check(temporary)
        except (ZooError, OSError, MemoryError):
            raise
        except Exception as error:  # what exporters raise on a network that they do not take is not documented
            raise ZooError(
                f"{classifier.card.title} cannot be exported as {form}: {type(error).__name__}: {one_line(error)[:300]}"
            ) from error

    with writing(path):
        write_atomically(path, write_and_check)
        assert parity is not None, "no error was raised"
        description = {**_description(classifier, form, path, parity), **describe(parity)}
        write_json(path.with_name(path.name + ".json"), description)
    return parity


def compare(classifier: TrainedClassifier, run: Run, images_NHWC: NDArray[np.uint8]) -> Parity:
    """Compare what *run* and the original say of images, in batches of one, of two, and of more."""
    served = Served(classifier).eval()
    normalize = Normalizer(classifier.card, torch.device("cpu"))
    sizes = [1, 2, *[_BATCH] * (len(images_NHWC) // _BATCH + 1)]
    largest = difference = 0.0
    same = start = 0
    with torch.inference_mode():
        for size in sizes:
            raw_BHWC = images_NHWC[start : start + size]
            if len(raw_BHWC) == 0:
                break
            start += size
            images_BCHW = normalize(torch.from_numpy(np.array(raw_BHWC)).permute(0, 3, 1, 2))
            one_BK, other_BK = served(images_BCHW).double(), run(images_BCHW).double()
            difference = _larger(difference, (one_BK - other_BK).abs())
            largest = _larger(largest, one_BK.abs())
            same += int((one_BK.argmax(dim=1) == other_BK.argmax(dim=1)).sum())
    return Parity(
        images=len(images_NHWC),
        max_difference=difference,
        relative_difference=difference / max(1.0, largest),
        top1_agreement=same / len(images_NHWC),
    )


def _larger(so_far: float, values: Tensor) -> float:
    # Tensor.max keeps NaN, which Python's max may lose.
    return float(torch.tensor([so_far, float(values.max())]).max())


def _description(classifier: TrainedClassifier, form: str, path: Path, parity: Parity) -> dict[str, object]:
    card = classifier.card
    return {
        "format": form,
        "file": path.name,
        "sha256": sha256_of(path),
        "input": {
            "name": "images",
            "dtype": "float32",
            "shape": ["batch", card.channels, card.image_size, card.image_size],
            "normalization": "(pixel / 255 - mean) / std",
        },
        "output": {"name": "logits", "dtype": "float32", "shape": ["batch", len(card.classes)]},
        "classifier": card.description(),
        "parity": parity.model_dump(mode="json"),
    }
