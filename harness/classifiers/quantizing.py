"""Quantising: int8 weights and activations for ONNX files.

=========  ==================================================================================================
static     activation ranges are calibrated on training images: int8 weights with a scale per channel, uint8
           activations
dynamic    activation ranges are measured for each batch: uint8 weights and activations
=========  ==================================================================================================

Both are onnxruntime's (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html). Convolutions and
batch normalisations are fused first, so that the weights in use are the ones that are rounded.
Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from harness.batches.normalization import ChannelStatistics, Normalizer
from harness.records.spec import FrozenModel
from harness.system.quiet_logs import quiet_logs

Method = Literal["dynamic", "static"]
CALIBRATION_IMAGES = 256
"""Default number of calibration images; the papers that introduced the method use a few hundred."""
METADATA_KEY = "zoo_quantization"
"""Key of the :class:`Quantization` in the metadata of a file, as JSON."""
_BATCH = 32


class Quantization(FrozenModel):
    """How a file was quantised."""

    method: Method
    weights: str
    activations: str
    tool: str
    """Name and version of the quantisation tool."""
    calibration: str = ""
    """Calibration method and images; empty if none were needed."""
    calibration_images: int = 0
    calibration_fingerprint: str = ""
    """Fingerprint of the dataset that the images come from; empty for images from a folder."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Calibration:
    """Training images for calibrating activation ranges."""

    images_NHWC: NDArray[np.uint8]
    """Decoded images, not yet normalised."""
    origin: str
    """Description shown to people."""
    fingerprint: str = ""
    """Fingerprint of their dataset; empty for images from a folder."""

    def batches(self, statistics: ChannelStatistics) -> Iterator[NDArray[np.float32]]:
        """Yield normalised batches, ``[B, C, H, W]``."""
        normalize = Normalizer(statistics, torch.device("cpu"))
        for start in range(0, len(self.images_NHWC), _BATCH):
            raw_BHWC = np.array(self.images_NHWC[start : start + _BATCH])
            images_BCHW = normalize(torch.from_numpy(raw_BHWC).permute(0, 3, 1, 2))
            yield images_BCHW.contiguous().numpy()


def quantize_onnx(
    path: Path, method: Method, *, calibration: Calibration | None, statistics: ChannelStatistics
) -> Quantization:
    """Quantise the ONNX file at *path* in place, and record how in its metadata.

    Args:
        path: A float32 network with the input ``images``.
        method: ``static`` needs *calibration*.
        calibration: Training images.
        statistics: Mean and standard deviation for normalising them.
    """
    import onnx
    from onnxruntime import quantization as tool
    from onnxruntime.quantization.shape_inference import quant_pre_process

    metadata = {each.key: each.value for each in onnx.load(path).metadata_props}
    merged = path.with_name(f"{path.name}.merged")
    described: dict[str, Any] = {"tool": f"onnxruntime {importlib.metadata.version('onnxruntime')}"}
    try:
        with quiet_logs():  # the file itself is verified
            # Symbolic shape inference is for sequence models, and needs sympy.
            quant_pre_process(path, merged, skip_symbolic_shape=True)
            if method == "static":
                assert calibration is not None, "static quantisation needs calibration images"
                tool.quantize_static(
                    merged,
                    path,
                    _reader(calibration.batches(statistics)),
                    quant_format=tool.QuantFormat.QDQ,
                    per_channel=True,
                    # x86 kernels multiply uint8 by int8; int8 by int8 ran at a third of the speed.
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
                # uint8 weights, because not every onnxruntime has kernels for convolutions with int8 weights.
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
    """Return a reader that gives the batches to onnxruntime."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            batch = next(batches, None)
            return None if batch is None else {"images": batch}

    return Reader()
