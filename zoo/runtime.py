"""Runtimes: ways to run trained weights, which are evaluated and timed after the trials.

Shape suffixes: B images, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from zoo.names import check_name

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

Run = Callable[["Tensor"], "Tensor"]
"""Maps normalised images ``float32 [B, C, H, W]``, for any B, to logits ``[B, K]``."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RuntimeRequest:
    """A trained network to convert, and where it is to run."""

    network: nn.Module
    """The network, which maps normalised images to logits: in eval mode, float32, without gradients, on ``device``."""
    device: torch.device
    """Where it runs: the trial's device, or the CPU if the runtime says so."""
    channels: int
    image_size: int
    """Side of the square images in pixels."""
    folder: Path
    """An empty folder for files, which is removed when the results are there."""
    threads: int | None
    """CPU threads; None leaves the number to the runtime."""
    calibration: Callable[[], Tensor]
    """Returns normalised training images ``float32 [N, C, H, W]``, for quantisation. The test set stays closed."""
    write_onnx: Callable[[Path], None]
    """Writes the network as an ONNX file with the input ``images`` and the output ``logits``."""
    quantize_onnx: Callable[[Path], None]
    """Quantises such a file to int8 in place, statically, on the calibration images."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Runtime:
    """A way to run trained weights, selected with ``zoo bench --runtimes NAME``.

    It changes neither a trial nor its record: its predictions, speeds and size are results of their own, compared with
    those of the trial.
    """

    name: str
    """Name within its namespace: ``onnx``."""
    load: Callable[[Path | None, RuntimeRequest], Run]
    """``(path, request)``: returns a function that runs the network. *path* is what ``convert`` returned, or None. The
    time that its first call takes counts as compilation if ``compiles``."""
    convert: Callable[[RuntimeRequest], Path] | None = None
    """``(request)``: writes the network into ``request.folder`` and returns the file or folder, whose size and time are
    recorded. None: it runs the network as it is. Any exception is the runtime's failure, and nothing else's."""
    summary: str = ""
    """One line that ``zoo list`` shows."""
    source: str = ""
    """Page that describes it."""
    libraries: tuple[str, ...] = ("torch",)
    """Distributions that convert and run the network; another version makes the results again."""
    where: Literal["trial", "cpu"] = "cpu"
    """Whether it runs on the trial's device, in its layout and precision, or on the CPU in float32."""
    compiles: bool = False
    """Whether the first call compiles the network, which is then timed as its conversion."""
    namespace: str = ""
    """First half of its full name; empty: the name of the plugin."""
    short: bool = True
    """Whether it can be selected by ``name`` alone."""

    def __post_init__(self) -> None:
        check_name(self.name, "runtime name")
        if self.namespace:
            check_name(self.namespace, "namespace")
        if not all(map(callable, (self.load, *([] if self.convert is None else [self.convert])))):
            raise ValueError(f"runtime {self.name!r}: load and convert must be callable")
        if self.where not in ("trial", "cpu"):
            raise ValueError(f"runtime {self.name!r}: where must be 'trial' or 'cpu', not {self.where!r}")
