"""Converting: the network of a trained classifier under another runtime, as a module that maps images to logits.

Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from harness.batches.forward_settings import ForwardSettings
from harness.classifiers.formats import open_onnx, write_onnx
from harness.classifiers.onnx import RuntimeModule
from harness.classifiers.quantizing import Calibration, Quantization, quantize_onnx
from harness.classifiers.trained import TrainedClassifier
from harness.records.runtime_result import RuntimeName
from harness.training.compiling import compiled


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Converted:
    """A network under a runtime."""

    module: nn.Module
    """Maps normalised images ``[B, C, H, W]`` on the device of *settings* to logits ``[B, K]``."""
    settings: ForwardSettings
    """How the module runs."""
    compiles: bool = False
    """Whether the first call compiles it, which :attr:`conversion_seconds` then does not include."""
    conversion_seconds: float | None = None
    """Time that the conversion took, where there was one."""
    file_bytes: int
    """Size of the file that the runtime loads."""
    quantization: Quantization | None = None
    """How it was quantised, if it was."""


def convert(
    classifier: TrainedClassifier,
    runtime: RuntimeName,
    *,
    device: torch.device,
    threads: int | None,
    calibration: Callable[[], Calibration],
) -> Converted:
    """Convert the network of *classifier* to *runtime*.

    Args:
        classifier: Its network is moved to the device it runs on.
        runtime: Name of the runtime.
        device: Device of the trial; onnxruntime runs on the CPU in any case.
        threads: CPU threads; None leaves the number to the runtime.
        calibration: Returns calibration images; called only for int8.

    Raises:
        UsageError: If a package that the runtime needs is not installed.
        Exception: If the network cannot be exported.
    """
    if runtime in ("onnx", "int8"):
        return _onnx(classifier, threads, calibration() if runtime == "int8" else None)
    card = classifier.card
    settings = ForwardSettings(
        device=device,
        normalization=card,
        precision=card.precision if device.type == card.device else "fp32",
        channels_last=card.layout == "channels_last",
    )
    model = classifier.model
    settings.place(model)
    return Converted(
        module=_Compiled(model) if runtime == "compile" else model,
        settings=settings,
        compiles=runtime == "compile",
        # Neither has a file of its own; both load the weights.
        file_bytes=classifier.path.stat().st_size,
    )


def _onnx(classifier: TrainedClassifier, threads: int | None, calibration: Calibration | None) -> Converted:
    start = time.perf_counter()
    quantization = None
    with tempfile.TemporaryDirectory(prefix="zoo-runtime-") as scratch:
        path = Path(scratch) / "network.onnx"
        write_onnx(classifier.model, classifier, path)
        if calibration is not None:
            quantization = quantize_onnx(path, "static", calibration=calibration, statistics=classifier.card)
        _, run = open_onnx(path, threads=threads)
        size = path.stat().st_size
    return Converted(
        module=RuntimeModule(run),
        settings=ForwardSettings(device=torch.device("cpu"), normalization=classifier.card),
        conversion_seconds=time.perf_counter() - start,
        file_bytes=size,
        quantization=quantization,
    )


class _Compiled(nn.Module):
    """A network that is compiled once, however often this module is called."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self._forward: Callable[[Tensor], Tensor] = compiled(model)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return self._forward(images_BCHW)
