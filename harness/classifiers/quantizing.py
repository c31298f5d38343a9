"""Quantising: a classifier's weights, and what flows between its layers, as whole numbers of 8 bits.

=========  ==================================================================================================
static     ranges of activations are fixed beforehand, on training images: weights int8 with a scale for each
           channel, activations uint8
dynamic    ranges of activations are found anew for each batch: weights and activations uint8
=========  ==================================================================================================

Both are onnxruntime's (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html). Convolutions and
batch normalisations are merged first, so that the weights that are rounded are those that are used.
Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from harness.batches.normalization import ChannelStatistics, Normalizer
from harness.records.spec import FrozenModel

Method = Literal["dynamic", "static"]
CALIBRATION_IMAGES = 256
"""Images that ranges are found on by default; the papers that introduced it use a few hundred."""
METADATA_KEY = "zoo_quantization"
"""Where a file's metadata hold its :class:`Quantization`, as JSON."""
_BATCH = 32


class Quantization(FrozenModel):
    """How a file was quantised."""

    method: Method
    weights: str
    activations: str
    tool: str
    """With its version."""
    calibration: str = ""
    """How ranges of activations were chosen, and which images they were found on; empty where none were needed."""
    calibration_images: int = 0
    calibration_fingerprint: str = ""
    """Of the dataset whose training images those are; empty for images of a folder."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Calibration:
    """Training images that ranges of activations are found on."""

    images_NHWC: NDArray[np.uint8]
    """Decoded, as the network sees them before they are normalised."""
    origin: str
    """What a person calls them."""
    fingerprint: str = ""
    """Of their dataset; empty for images of a folder."""

    def batches(self, statistics: ChannelStatistics) -> Iterator[NDArray[np.float32]]:
        """Yield them normalised, ``[B, C, H, W]``."""
        normalize = Normalizer(statistics, torch.device("cpu"))
        for start in range(0, len(self.images_NHWC), _BATCH):
            raw_BHWC = np.array(self.images_NHWC[start : start + _BATCH])
            images_BCHW = normalize(torch.from_numpy(raw_BHWC).permute(0, 3, 1, 2))
            yield images_BCHW.contiguous().numpy()


def quantize_onnx(
    path: Path, method: Method, *, calibration: Calibration | None, statistics: ChannelStatistics
) -> Quantization:
    """Quantise the ONNX file at *path*, which takes ``images``, in place; its metadata say how.

    Args:
        path: Of a network in float32.
        method: ``static`` needs *calibration*.
        calibration: Training images.
        statistics: What images are normalised by.
    """
    import onnx
    from onnxruntime import quantization as tool
    from onnxruntime.quantization.shape_inference import quant_pre_process

    metadata = {each.key: each.value for each in onnx.load(path).metadata_props}
    merged = path.with_name(f"{path.name}.merged")
    described: dict[str, Any] = {"tool": f"onnxruntime {importlib.metadata.version('onnxruntime')}"}
    try:
        with _quietly():
            # Symbolic shapes are for networks of sequences, and take sympy.
            quant_pre_process(path, merged, skip_symbolic_shape=True)
            if method == "static":
                assert calibration is not None, "ranges have to be found on something"
                tool.quantize_static(
                    merged,
                    path,
                    _reader(calibration.batches(statistics)),
                    quant_format=tool.QuantFormat.QDQ,
                    per_channel=True,
                    # On x86, kernels are for uint8 times int8; int8 times int8 ran a third as fast.
                    activation_type=tool.QuantType.QUInt8,
                    weight_type=tool.QuantType.QInt8,
                )
                described |= {
                    "weights": "int8, a scale for each channel",
                    "activations": "uint8, a scale for each tensor",
                    "calibration": f"smallest and largest value, on {calibration.origin}",
                    "calibration_images": len(calibration.images_NHWC),
                    "calibration_fingerprint": calibration.fingerprint,
                }
            else:
                # uint8 weights: not every onnxruntime has kernels for convolutions with int8 ones.
                tool.quantize_dynamic(merged, path, weight_type=tool.QuantType.QUInt8)
                described |= {
                    "weights": "uint8, a scale for each tensor",
                    "activations": "uint8, a scale for each batch",
                }
    finally:
        merged.unlink(missing_ok=True)
    quantization = Quantization(method=method, **described)
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {**metadata, METADATA_KEY: quantization.model_dump_json()})
    onnx.save(model, path)
    return quantization


def _reader(batches: Iterator[NDArray[np.float32]]) -> Any:
    """Return what hands out batches as onnxruntime asks for them."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            batch = next(batches, None)
            return None if batch is None else {"images": batch}

    return Reader()


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep the tool from telling of its steps; what matters is checked on the file."""
    logger = logging.getLogger()
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
