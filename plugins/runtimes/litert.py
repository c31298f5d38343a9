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

    # One image: the converter takes the size of the batch for a constant, and the interpreter resizes it.
    example_BCHW = torch.zeros(1, request.channels, request.image_size, request.image_size)
    path = request.folder / "network.tflite"
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        litert_torch.convert(request.network, (example_BCHW,)).export(str(path))
    return path


def load(path: Path | None, request: RuntimeRequest) -> Run:
    """Load a file; networks that cannot be resized to a batch run image by image."""
    import torch
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=request.threads)
    (image,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    size = 0

    def infer(images_BCHW: Tensor) -> Tensor:
        nonlocal size
        if len(images_BCHW) != size:
            size = 0  # unknown again if the next line fails
            interpreter.resize_tensor_input(image["index"], list(images_BCHW.shape))
            interpreter.allocate_tensors()
            size = len(images_BCHW)
        interpreter.set_tensor(image["index"], images_BCHW.contiguous().numpy())
        interpreter.invoke()
        return torch.from_numpy(interpreter.get_tensor(output["index"]))

    one_BCHW = torch.zeros(1, request.channels, request.image_size, request.image_size)
    num_classes = infer(one_BCHW).shape[1]
    try:
        takes_batches = tuple(infer(one_BCHW.repeat(2, 1, 1, 1)).shape) == (2, num_classes)
    except (RuntimeError, ValueError):  # a reshape with a constant size
        takes_batches = False

    def run(images_BCHW: Tensor) -> Tensor:
        if takes_batches:
            return infer(images_BCHW)
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
        summary="LiteRT (TensorFlow Lite) with XNNPACK on the CPU, float32",
        source="https://ai.google.dev/edge/litert",
    )
