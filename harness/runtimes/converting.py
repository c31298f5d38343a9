"""Converting: the network of a trained classifier under another runtime, as a module that maps images to logits.

Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import shutil
import tempfile
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from harness.batches.forward_settings import ForwardSettings
from harness.classifiers.formats import write_onnx
from harness.classifiers.onnx import RuntimeModule
from harness.classifiers.quantizing import Calibration, Quantization, quantize_onnx
from harness.classifiers.trained import TrainedClassifier
from zoo.calling.containment import contained
from zoo.catalog import Entry
from zoo.runtime import Runtime, RuntimeRequest

CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, weakref_slot=True)
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
    """Size of the files that the runtime loads."""
    quantization: Quantization | None = None
    """How it was quantised, if it was with the means that zoo offers."""


def convert(
    classifier: TrainedClassifier,
    entry: Entry[Runtime],
    *,
    device: torch.device,
    threads: int | None,
    calibration: Callable[[], Calibration],
) -> Converted:
    """Convert the network of *classifier* to a runtime.

    Args:
        classifier: Its network is moved to the device it runs on.
        entry: The runtime.
        device: Device of the trial, for runtimes that run where the trial did.
        threads: CPU threads; None leaves the number to the runtime.
        calibration: Returns calibration images; called only if the runtime asks for them.

    Raises:
        UsageError: If a package that the runtime needs is not installed.
        Exception: If the network cannot be converted.
    """
    runtime, card = entry.record, classifier.card
    on_trial = runtime.where == "trial"
    device = device if on_trial else CPU
    settings = ForwardSettings(
        device=device,
        normalization=card,
        precision=card.precision if on_trial and device.type == card.device else "fp32",
        channels_last=on_trial and card.layout == "channels_last",
    )
    model = classifier.model
    settings.place(model)
    folder = Path(tempfile.mkdtemp(prefix="zoo-runtime-"))
    quantized: list[Quantization] = []

    def quantize(path: Path) -> None:
        quantized.append(quantize_onnx(path, "static", calibration=calibration(), statistics=card))

    def calibration_images() -> Tensor:
        return torch.cat([torch.from_numpy(batch) for batch in calibration().batches(card)])

    request = RuntimeRequest(
        network=model,
        device=device,
        channels=card.channels,
        image_size=card.image_size,
        folder=folder,
        threads=threads,
        calibration=calibration_images,
        write_onnx=lambda path: write_onnx(model, classifier, path),
        quantize_onnx=quantize,
    )
    start = time.perf_counter()
    try:
        with contained(f"converting to runtime {entry.display_name!r}", entry.provider):
            path = None if runtime.convert is None else runtime.convert(request)
            run = runtime.load(path, request)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    seconds = time.perf_counter() - start
    converted = Converted(
        module=run if isinstance(run, nn.Module) else RuntimeModule(run),
        settings=settings,
        compiles=runtime.compiles,
        conversion_seconds=None if path is None else seconds,
        file_bytes=_weight_bytes(classifier) if path is None else _size(path),
        quantization=quantized[-1] if quantized else None,
    )
    weakref.finalize(converted, shutil.rmtree, folder, ignore_errors=True)
    return converted


def _weight_bytes(classifier: TrainedClassifier) -> int:
    """Return the size of the file with the weights, or of the weights themselves where a library keeps the file."""
    if classifier.path.is_file():
        return classifier.path.stat().st_size
    return sum(each.nbytes for each in classifier.model.state_dict().values())


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files)
