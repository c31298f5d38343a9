"""Runtimes of onnxruntime on the CPU: ``onnx`` in float32, and ``int8``, quantised statically."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from zoo import Runtime, RuntimeRequest, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.runtime import Run

LIBRARIES = ("torch", "onnx", "onnxruntime", "onnxscript")


def write_fp32(request: RuntimeRequest) -> Path:
    """Write the network as an ONNX file."""
    path = request.folder / "network.onnx"
    request.write_onnx(path)
    return path


def write_int8(request: RuntimeRequest) -> Path:
    """Write the network as an ONNX file, and quantise it."""
    path = write_fp32(request)
    request.quantize_onnx(path)
    return path


def load(path: Path | None, request: RuntimeRequest) -> Run:
    """Load a file into onnxruntime on the CPU."""
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    if request.threads:
        options.intra_op_num_threads = request.threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(images_BCHW: Tensor) -> Tensor:
        return torch.from_numpy(session.run(["logits"], {"images": images_BCHW.contiguous().numpy()})[0])

    return run


@hookimpl
def zoo_runtimes() -> Iterable[Runtime]:
    """Yield ``onnx`` and ``int8``."""
    yield Runtime(
        name="onnx",
        convert=write_fp32,
        load=load,
        libraries=LIBRARIES,
        summary="onnxruntime on the CPU, float32",
        source="https://onnxruntime.ai",
    )
    yield Runtime(
        name="int8",
        convert=write_int8,
        load=load,
        libraries=LIBRARIES,
        summary="onnxruntime on the CPU, quantised statically to int8",
        source="https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html",
    )
