"""Exported networks used again: an ONNX file with its card, as a classifier that onnxruntime runs on the CPU."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from harness.classifiers.card import METADATA_KEY, ClassifierCard
from harness.classifiers.formats import Run, open_onnx
from harness.classifiers.trained import TrainedClassifier, load_trained
from harness.data import decoding
from harness.faults.failures import one_line
from zoo.catalog import Catalog
from zoo.errors import StoreError, UsageError


def load_predicting(
    path: Path, catalog: Catalog, *, device: str = "auto", precision: str | None = None
) -> tuple[TrainedClassifier, str]:
    """Load a classifier from *path*: an exported ONNX file, or what :func:`load_trained` takes.

    Returns:
        The classifier, and the device that it is to predict on: the CPU for ONNX, where none is asked for.

    Raises:
        StoreError: If there is none, or it is damaged.
        UsageError: If ONNX is asked to run elsewhere or in another precision, or what it takes is not installed.
        ZooError: As for a trial's network.
    """
    if path.suffix != ".onnx":
        return load_trained(path, catalog), device
    if device not in ("auto", "cpu"):
        raise UsageError(f"--device {device}: an ONNX file is run on the CPU")
    if precision is not None:
        raise UsageError(f"--precision {precision}: an ONNX file computes as it was exported")
    return load_onnx(path), "cpu"


def load_onnx(path: Path) -> TrainedClassifier:
    """Load a file that ``zoo export`` wrote as ONNX. Its recipe's own way of predicting is part of it.

    Raises:
        StoreError: If it is not there, cannot be run, or does not say what it is.
        UsageError: If onnxruntime is not installed.
    """
    if not path.is_file():
        raise StoreError(f"there is nothing at {path}")
    try:
        metadata, run = open_onnx(path)
    except (UsageError, MemoryError):
        raise
    except Exception as error:  # onnxruntime's errors have no class in common
        raise StoreError(f"{path} cannot be run by onnxruntime: {one_line(error)}") from error
    if METADATA_KEY not in metadata:
        raise StoreError(f"{path} does not say what it is: zoo export writes that into its metadata")
    card = ClassifierCard.parse(metadata[METADATA_KEY], origin=f"the metadata of {path}")
    notes = ("images are decoded in another way than they were for the training",)
    return TrainedClassifier(
        # Its arithmetic is its own: no precision is to be asked of what calls it.
        card=card.model_copy(update={"precision": "fp32", "device": "cpu", "layout": "contiguous"}),
        model=RuntimeModule(run).eval(),
        path=path,
        notes=notes if card.decoding_version != decoding.VERSION else (),
    )


class RuntimeModule(nn.Module):
    """What another library runs, as a module: normalised images ``[B, C, H, W]`` to logits ``[B, K]``, on the CPU."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return self._run(images_BCHW)
