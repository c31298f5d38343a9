"""LiteRT, formerly TensorFlow Lite, with XNNPACK on the CPU, in float32 (extra ``litert``)."""

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
    """Convert the network to a ``.tflite`` file.

    Raises:
        UsageError: If the converter is not installed.
    """
    try:
        import litert_torch
    except ImportError as error:
        raise UsageError("LiteRT needs litert-torch: pip install 'zoobench[litert]'") from error
    import torch

    # One image, since the converter takes the size of the batch for a constant.
    example_BCHW = torch.zeros(1, request.channels, request.image_size, request.image_size)
    path = request.folder / "network.tflite"
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        litert_torch.convert(request.network, (example_BCHW,)).export(str(path))
    return path


def load(path: Path | None, request: RuntimeRequest) -> Run:
    """Load a file, which runs image by image.

    The interpreter can be resized to a batch, but where a network pads or reshapes, the file holds the batch of one as
    a constant: all logits of ResNet-20 but those of the first image were then wrong.
    """
    import torch
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=request.threads)
    interpreter.allocate_tensors()
    (image,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()

    def infer(image_BCHW: Tensor) -> Tensor:
        interpreter.set_tensor(image["index"], image_BCHW.contiguous().numpy())
        interpreter.invoke()
        return torch.from_numpy(interpreter.get_tensor(output["index"]))

    def run(images_BCHW: Tensor) -> Tensor:
        return torch.cat([infer(image_BCHW) for image_BCHW in images_BCHW.split(1)])

    return run


@hookimpl
def zoo_runtimes() -> Iterable[Runtime]:
    """Yield ``litert``."""
    yield Runtime(
        name="litert",
        convert=write,
        load=load,
        libraries=("torch", "litert-torch", "ai-edge-litert"),
        summary="LiteRT (TensorFlow Lite) with XNNPACK on the CPU, float32, image by image",
        source="https://ai.google.dev/edge/litert",
    )
