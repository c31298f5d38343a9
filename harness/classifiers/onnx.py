"""ONNX classifiers: an exported ONNX file with its card, run by onnxruntime on the CPU."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from harness.classifiers.card import METADATA_KEY, ClassifierCard
from harness.classifiers.formats import Run, open_onnx
from harness.classifiers.onnx_files import try_onnx
from harness.classifiers.trained import TrainedClassifier, load_trained
from harness.data.image_files import decoding
from zoo.catalog import Catalog
from zoo.errors import StoreError, UsageError
from zoo.text import error_message


def load_predicting(
    path: Path, catalog: Catalog, *, device: str = "auto", precision: str | None = None
) -> tuple[TrainedClassifier, str]:
    """Load a classifier from *path*: an exported ONNX file, or anything that :func:`load_trained` takes.

    Returns:
        The classifier and the device to predict on, which is the CPU for ONNX.

    Raises:
        StoreError: If there is no classifier, or it is damaged.
        UsageError: If another device or a precision is requested for ONNX, or a package for ONNX is not installed.
        ZooError: If the network cannot be built.
    """
    if path.suffix != ".onnx":
        return load_trained(path, catalog), device
    if device not in ("auto", "cpu"):
        raise UsageError(f"--device {device}: ONNX files run on the CPU only")
    if precision is not None:
        raise UsageError(f"--precision {precision}: the precision of an ONNX file is fixed when it is exported")
    return load_onnx(path), "cpu"


def load_onnx(path: Path) -> TrainedClassifier:
    """Load an ONNX file written by ``zoo export``, which includes its recipe's own way of predicting.

    Raises:
        StoreError: If it does not exist, cannot be run in reasonable time and memory, or has no card.
        UsageError: If onnxruntime is not installed.
    """
    metadata = try_onnx(path)
    try:
        _, run = open_onnx(path)
    except (UsageError, MemoryError):
        raise
    except Exception as error:  # onnxruntime's errors have no class in common
        raise StoreError(f"{path} cannot be run by onnxruntime: {error_message(error)}") from error
    if METADATA_KEY not in metadata:
        raise StoreError(
            f"{path} has no classifier card in its metadata; only ONNX files written by zoo export have one"
        )
    card = ClassifierCard.parse(metadata[METADATA_KEY], origin=f"the metadata of {path}")
    change = decoding.change_since(card.decoding_version)
    return TrainedClassifier(
        # Its precision is fixed, so autocast must not change it.
        card=card.model_copy(update={"precision": "fp32", "device": "cpu", "layout": "contiguous"}),
        model=RuntimeModule(run).eval(),
        path=path,
        notes=(change,) if change else (),
    )


class RuntimeModule(nn.Module):
    """A network run by another library, as a module: normalised images ``[B, C, H, W]`` to logits ``[B, K]``."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return self._run(images_BCHW)
