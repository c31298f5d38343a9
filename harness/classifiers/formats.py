"""Export formats: writing a trained classifier for other tools, and running the written file.

Each maps normalised float32 images ``[B, C, H, W]`` to logits ``[B, K]`` for any B, and holds the classifier's card in
its metadata. If the recipe has its own way of predicting, the file includes it, except for safetensors, which hold
weights only; there, the card names the recipe. A package of Core ML takes pixels, one image at a time; it is run here
as the others are. TorchScript is a runtime only, since PyTorch has deprecated it.

Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.classifiers.card import METADATA_KEY, ClassifierCard
from harness.classifiers.coreml import interface, open_coreml, write_coreml
from harness.classifiers.onnx_files import require_onnx
from harness.classifiers.quantizing import Calibration, Method, Quantization, quantize_onnx
from harness.classifiers.trained import TrainedClassifier, load_trained
from harness.system.quiet_logs import quiet_logs
from zoo.catalog import Catalog

Run = Callable[[Tensor], Tensor]
"""Normalised images ``[B, C, H, W]`` to logits ``[B, K]``, on the CPU."""


class LogitsModule(nn.Module):
    """A classifier as one module: its network, with the recipe's own way of predicting if it has one."""

    def __init__(self, classifier: TrainedClassifier) -> None:
        super().__init__()
        self.model = classifier.model
        self._predict = classifier.predict

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return logits ``[B, K]``."""
        logits_BK: Tensor = self.model(images_BCHW) if self._predict is None else self._predict(self.model, images_BCHW)
        return logits_BK


def _tensors(card: ClassifierCard) -> dict[str, Any]:
    return {
        "input": {
            "name": "images",
            "dtype": "float32",
            "shape": ["batch", card.channels, card.image_size, card.image_size],
            "normalization": "(pixel / 255 - mean) / std",
        },
        "output": {"name": "logits", "dtype": "float32", "shape": ["batch", len(card.classes)]},
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportFormat:
    """An export format."""

    suffix: str
    """Suffix of its files."""
    write: Callable[[TrainedClassifier, Path], None]
    """Writes a file."""
    open: Callable[[Path, Catalog], Run]
    """Loads a written file to run it."""
    quantize: Mapping[Method, Callable[[TrainedClassifier, Path, Calibration | None], Quantization]] = field(
        default_factory=dict
    )
    """Writes a file quantised to int8, by method; empty if the format does not support it."""
    interface: Callable[[ClassifierCard], dict[str, Any]] = _tensors
    """Describes the input and the output of its files."""


def _write_safetensors(classifier: TrainedClassifier, path: Path) -> None:
    from safetensors.torch import save_file

    # Copies, because safetensors refuses tensors that share memory, such as tied weights.
    tensors = {
        name: value.clone().contiguous()
        for name, value in classifier.model.state_dict().items()
        if isinstance(value, Tensor)
    }
    save_file(tensors, path, metadata=classifier.card.metadata())


def _open_safetensors(path: Path, catalog: Catalog) -> Run:
    return LogitsModule(load_trained(path, catalog))


def _write_torch_export(classifier: TrainedClassifier, path: Path) -> None:
    torch.export.save(_program(classifier), path, extra_files={f"{METADATA_KEY}.json": _card_json(classifier)})


def _open_torch_export(path: Path, catalog: Catalog) -> Run:
    module: Run = torch.export.load(path).module()
    return module


def _quantize_onnx(
    method: Method,
) -> Callable[[TrainedClassifier, Path, Calibration | None], Quantization]:
    def write(classifier: TrainedClassifier, path: Path, calibration: Calibration | None) -> Quantization:
        write_onnx(LogitsModule(classifier), classifier, path)
        return quantize_onnx(path, method, calibration=calibration, statistics=classifier.card)

    return write


def _write_onnx(classifier: TrainedClassifier, path: Path) -> None:
    write_onnx(LogitsModule(classifier), classifier, path)


def write_onnx(module: nn.Module, classifier: TrainedClassifier, path: Path) -> None:
    """Write *module*, which maps the classifier's images to logits, as ONNX with its card.

    Raises:
        UsageError: If a package for ONNX is not installed.
    """
    card = classifier.card
    export_onnx(module, (card.channels, card.image_size, card.image_size), path, card.metadata())


def export_onnx(module: nn.Module, image_shape: tuple[int, int, int], path: Path, metadata: Mapping[str, str]) -> None:
    """Write *module*, which maps images ``[B, C, H, W]`` to logits, as ONNX with *metadata*.

    Raises:
        UsageError: If a package for ONNX is not installed.
    """
    require_onnx()
    with quiet_logs("torch.onnx"):  # the file itself is verified
        program = torch.onnx.export(
            _exported(module, image_shape), dynamo=True, input_names=["images"], output_names=["logits"], verbose=False
        )
    assert program is not None, "with dynamo=True it returns a program"
    program.model.metadata_props.update(metadata)
    program.save(path, external_data=False)


def _open_onnx(path: Path, catalog: Catalog) -> Run:
    return open_onnx(path)[1]


def open_onnx(path: Path, *, threads: int | None = None) -> tuple[dict[str, str], Run]:
    """Load an ONNX file into onnxruntime on the CPU; return its metadata and a function that runs it.

    Args:
        path: A network with the input ``images`` and the output ``logits``.
        threads: CPU threads; None leaves the number to onnxruntime.

    Raises:
        UsageError: If a package for ONNX is not installed.
    """
    require_onnx()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if threads:
        options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(images_BCHW: Tensor) -> Tensor:
        logits_BK: NDArray[np.float32] = session.run(["logits"], {"images": images_BCHW.contiguous().numpy()})[0]
        return torch.from_numpy(logits_BK)

    metadata: dict[str, str] = session.get_modelmeta().custom_metadata_map
    return metadata, run


def _write_coreml(classifier: TrainedClassifier, path: Path) -> None:
    write_coreml(LogitsModule(classifier), classifier.card, path)


def _open_coreml(path: Path, catalog: Catalog) -> Run:
    return open_coreml(path)


FORMATS = {
    "safetensors": ExportFormat(suffix=".safetensors", write=_write_safetensors, open=_open_safetensors),
    "torch-export": ExportFormat(suffix=".pt2", write=_write_torch_export, open=_open_torch_export),
    "onnx": ExportFormat(
        suffix=".onnx",
        write=_write_onnx,
        open=_open_onnx,
        quantize={"dynamic": _quantize_onnx("dynamic"), "static": _quantize_onnx("static")},
    ),
    "coreml": ExportFormat(suffix=".mlpackage", write=_write_coreml, open=_open_coreml, interface=interface),
}


def _program(classifier: TrainedClassifier) -> torch.export.ExportedProgram:
    card = classifier.card
    return _exported(LogitsModule(classifier), (card.channels, card.image_size, card.image_size))


def _exported(module: nn.Module, image_shape: tuple[int, int, int]) -> torch.export.ExportedProgram:
    # Two images, because torch.export would take a batch of one for a constant.
    example_BCHW = torch.zeros(2, *image_shape)
    with torch.no_grad():
        return torch.export.export(
            module.eval(),
            (example_BCHW,),
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
        )


def _card_json(classifier: TrainedClassifier) -> str:
    return classifier.card.metadata()[METADATA_KEY]
