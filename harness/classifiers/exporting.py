"""Exporting: writes a trained classifier for other tools, and keeps the file only if its predictions match.

Shape suffixes: N images, B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.batches.normalization import Normalizer
from harness.classifiers.formats import FORMATS, ExportFormat, LogitsModule, Run
from harness.classifiers.quantizing import Calibration, Method, Quantization
from harness.classifiers.trained import TrainedClassifier
from harness.records.spec import FrozenModel
from harness.system.atomic_files import sync_folder, write_json, writing
from harness.system.file_trees import digest_of_tree, replace_tree, sync_tree
from harness.system.staging import staging_for
from zoo.catalog import Catalog
from zoo.errors import UsageError, ZooError
from zoo.text import error_text

_BATCH = 32


class Parity(FrozenModel):
    """How an exported classifier differs from the original on the same images."""

    images: int
    max_difference: float
    """Largest absolute logit difference."""
    relative_difference: float
    """The same relative to the largest logit if that exceeds 1, because float32 rounds in proportion."""
    top1_agreement: float
    """Share of images with the same top-1 class."""


class ParityError(ZooError):
    """The exported file differs from the original too much, and was discarded."""

    def __init__(self, parity: Parity, message: str) -> None:
        self.parity = parity
        super().__init__(message)


class Exported(FrozenModel):
    """A quantised export."""

    parity: Parity
    quantization: Quantization
    num_bytes: int
    num_bytes_float: int
    """Size of the same export in float32."""


def export_classifier(
    classifier: TrainedClassifier,
    form: str,
    path: Path,
    *,
    images_NHWC: NDArray[np.uint8],
    catalog: Catalog,
    tolerance: float,
) -> Parity:
    """Write *classifier* to *path*, load the file again, and compare it with the original on real images.

    ``NAME.json`` is written next to it, with the card, input and output, checksum and parity.

    Args:
        classifier: Its network must be on the CPU.
        form: One of :data:`harness.classifiers.formats.FORMATS`.
        path: Replaced atomically if the check passes; its suffix must be that of the format.
        images_NHWC: Decoded images, at least one.
        catalog: Needed to load the file again.
        tolerance: Largest allowed relative difference.

    Raises:
        ParityError: If the difference is larger or a logit is not finite; *path* is then unchanged.
        UsageError: If *path* has another suffix, or a package that the format needs is not installed.
        ZooError: If the network cannot be exported or the file cannot be written.
    """
    how = _format_for(form, path)

    def check(temporary: Path) -> Parity:
        parity = compare(classifier, how.open(temporary, catalog), images_NHWC)
        if not parity.relative_difference <= tolerance:  # NaN does not pass
            raise ParityError(
                parity,
                f"{path} was discarded: its logits differ from the original's by up to "
                f"{parity.relative_difference:.2g} (relative to the largest logit), more than the tolerance of "
                f"{tolerance:g}",
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
    """Write *classifier* quantised to int8, and keep the file if its top-1 classes match the original's.

    Works like :func:`export_classifier`, except that top-1 agreement decides, because quantisation always changes
    logits. ``NAME.json`` also records how it was quantised, and the size of the file in float32.

    Args:
        classifier: Its network must be on the CPU.
        form: A format that supports *method*.
        path: Replaced atomically if the check passes.
        method: Quantisation method.
        calibration: Training images; None for ``dynamic``, which needs none.
        images_NHWC: Decoded images, at least one.
        catalog: Needed to load the file again.
        min_agreement: Smallest allowed share of images with the same top-1 class.

    Raises:
        ParityError: If the share is smaller or a logit is not finite; *path* is then unchanged.
    """
    how = _format_for(form, path)
    quantize = how.quantize.get(method)
    if quantize is None:
        raise UsageError(f"--quantize {method} is not supported for {form}; {_quantizing_formats()}")
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
                f"{path} was discarded: it has the same top-1 class as the original for only "
                f"{100 * parity.top1_agreement:.2f} % of the images, less than {100 * min_agreement:g} % "
                "(--min-agreement)",
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
        raise UsageError(f"{path}: the file name must end in {how.suffix} for --format {form}")
    return how


def _quantizing_formats() -> str:
    return "; ".join(f"{name} supports {' and '.join(how.quantize)}" for name, how in FORMATS.items() if how.quantize)


def _write_checked(
    classifier: TrainedClassifier,
    form: str,
    path: Path,
    write: Callable[[Path], None],
    check: Callable[[Path], Parity],
    describe: Callable[[Parity], dict[str, object]],
) -> Parity:
    """Write a file and its description; keep neither if *check* raises."""
    beside = path.with_name(path.name + ".json")
    with writing(path), staging_for(path) as made:
        file, description = made / path.name, made / beside.name
        try:
            write(file)
            parity = check(file)
        except (ZooError, OSError, MemoryError):
            raise
        except Exception as error:  # which errors exporters raise for networks they do not support is undocumented
            raise ZooError(f"{classifier.card.title} cannot be exported as {form}: {error_text(error)}") from error
        sync_tree(file)
        write_json(description, {**_description(classifier, form, file, parity), **describe(parity)})
        # In between, there is a file without a description, and never one with that of another.
        beside.unlink(missing_ok=True)
        replace_tree(file, path)
        os.replace(description, beside)
        sync_folder(path.parent)
    return parity


def compare(classifier: TrainedClassifier, run: Run, images_NHWC: NDArray[np.uint8]) -> Parity:
    """Compare the logits of *run* with the original's, in batches of one, of two, and of more."""
    served = LogitsModule(classifier).eval()
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
        "sha256": digest_of_tree(path),
        **FORMATS[form].interface(card),
        "classifier": card.description(),
        "parity": parity.model_dump(mode="json"),
    }
