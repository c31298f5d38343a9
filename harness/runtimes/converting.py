"""Converting: a trained classifier's network in the form that a runtime runs, as a module that takes images to logits.

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

from harness.batches.forward_settings import Precision
from harness.classifiers.formats import open_onnx, write_onnx
from harness.classifiers.onnx import RuntimeModule
from harness.classifiers.quantizing import Calibration, Quantization, quantize_onnx
from harness.classifiers.trained import TrainedClassifier
from harness.records.runtime_result import RuntimeName


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Converted:
    """A network as a runtime runs it."""

    module: nn.Module
    """Normalised images ``[B, C, H, W]`` on *device* to logits ``[B, K]``."""
    device: torch.device
    precision: Precision
    channels_last: bool
    compiles: bool = False
    """Whether its first call takes what :attr:`conversion_seconds` leaves out."""
    conversion_seconds: float | None = None
    file_bytes: int
    quantization: Quantization | None = None


def convert(
    classifier: TrainedClassifier,
    runtime: RuntimeName,
    *,
    device: torch.device,
    threads: int | None,
    calibration: Callable[[], Calibration],
) -> Converted:
    """Return the classifier's network under *runtime*.

    Args:
        classifier: Its network is moved to where it runs.
        device: The trial's. onnxruntime runs on the CPU, whatever it is.
        threads: Of the CPU; None: as many as the runtime takes.
        calibration: Gives training images to find ranges on, where that is needed.

    Raises:
        UsageError: If the runtime needs what is not installed.
        Exception: If the network cannot be exported.
    """
    if runtime in ("onnx", "int8"):
        return _onnx(classifier, threads, calibration() if runtime == "int8" else None)
    card = classifier.card
    channels_last = card.layout == "channels_last"
    model = classifier.model.to(device)
    if channels_last:
        model.to(memory_format=torch.channels_last)
    return Converted(
        module=_Compiled(model) if runtime == "compile" else model,
        device=device,
        precision=card.precision if device.type == card.device else "fp32",
        channels_last=channels_last,
        compiles=runtime == "compile",
        # Neither has a file of its own: what they need is the weights.
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
        device=torch.device("cpu"),
        precision="fp32",
        channels_last=False,
        conversion_seconds=time.perf_counter() - start,
        file_bytes=size,
        quantization=quantization,
    )


class _Compiled(nn.Module):
    """A compiled network, compiled once however often it is asked for its modules."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self._forward: Callable[[Tensor], Tensor] = torch.compile(model)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        return self._forward(images_BCHW)
