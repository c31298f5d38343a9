"""OpenVINO on the CPU, in float32 and quantised to int8 by NNCF (extra ``openvino``)."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo import Runtime, RuntimeRequest, hookimpl
from zoo.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.runtime import Run

_BATCH = 16
"""Calibration images at a time."""


def write_fp32(request: RuntimeRequest) -> Path:
    """Convert the network to OpenVINO's own format, with weights in float32.

    Raises:
        UsageError: If OpenVINO is not installed.
    """
    return _saved(_converted(request), request)


def write_int8(request: RuntimeRequest) -> Path:
    """Convert the network, and quantise weights and activations to int8 with ranges from training images.

    Raises:
        UsageError: If OpenVINO or NNCF is not installed.
    """
    model = _converted(request)
    try:
        import nncf
    except ImportError as error:
        raise UsageError("OpenVINO in int8 needs nncf: pip install 'zoobench[openvino]'") from error
    images_NCHW = request.calibration().numpy()
    batches = [images_NCHW[start : start + _BATCH] for start in range(0, len(images_NCHW), _BATCH)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantized = nncf.quantize(model, nncf.Dataset(batches), subset_size=len(batches))
    return _saved(quantized, request)


def _converted(request: RuntimeRequest) -> Any:
    try:
        import openvino
    except ImportError as error:
        raise UsageError("OpenVINO needs openvino: pip install 'zoobench[openvino]'") from error
    import torch

    example_BCHW = torch.zeros(2, request.channels, request.image_size, request.image_size)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # that torch has deprecated the tracing that OpenVINO does
        return openvino.convert_model(
            request.network,
            example_input=example_BCHW,
            input=[-1, request.channels, request.image_size, request.image_size],
        )


def _saved(model: Any, request: RuntimeRequest) -> Path:
    import openvino

    folder = request.folder / "openvino"
    folder.mkdir()
    openvino.save_model(model, folder / "network.xml", compress_to_fp16=False)
    return folder


def load(path: Path | None, request: RuntimeRequest) -> Run:
    """Compile the converted network for the CPU, for throughput in float32."""
    import openvino
    import torch

    assert path is not None
    settings: dict[str, object] = {"INFERENCE_PRECISION_HINT": "f32"}
    if request.threads:
        settings["INFERENCE_NUM_THREADS"] = request.threads
    compiled = openvino.Core().compile_model(path / "network.xml", "CPU", settings)

    def run(images_BCHW: Tensor) -> Tensor:
        return torch.from_numpy(compiled(images_BCHW.contiguous().numpy())[0].copy())

    return run


@hookimpl
def zoo_runtimes() -> Iterable[Runtime]:
    """Yield ``openvino`` and ``openvino_int8``."""
    yield Runtime(
        name="openvino",
        convert=write_fp32,
        load=load,
        libraries=("torch", "openvino"),
        summary="OpenVINO on the CPU, float32",
        source="https://docs.openvino.ai",
    )
    yield Runtime(
        name="openvino_int8",
        convert=write_int8,
        load=load,
        libraries=("torch", "openvino", "nncf"),
        summary="OpenVINO on the CPU, quantised to int8 by NNCF",
        source="https://docs.openvino.ai/nncf",
    )
