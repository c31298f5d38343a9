"""The runtime OpenVINO on the CPU, in float32 (extra ``openvino``)."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from zoo import Runtime, RuntimeRequest, hookimpl
from zoo.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.runtime import Run


def write(request: RuntimeRequest) -> Path:
    """Convert the network to OpenVINO's own format, with weights in float32.

    Raises:
        UsageError: If OpenVINO is not installed.
    """
    try:
        import openvino
    except ImportError as error:
        raise UsageError("OpenVINO needs openvino: pip install 'zoobench[openvino]'") from error
    import torch

    example_BCHW = torch.zeros(2, request.channels, request.image_size, request.image_size)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # that torch has deprecated the tracing that OpenVINO does
        model = openvino.convert_model(
            request.network,
            example_input=example_BCHW,
            input=[-1, request.channels, request.image_size, request.image_size],
        )
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
    """Yield ``openvino``."""
    yield Runtime(
        name="openvino",
        convert=write,
        load=load,
        libraries=("torch", "openvino"),
        summary="OpenVINO on the CPU, float32",
        source="https://docs.openvino.ai",
    )
