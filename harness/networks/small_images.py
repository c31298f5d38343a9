"""The small-image adaptation: the first strides are reduced until the last feature map is large enough.

A network designed for 224 pixels typically halves its feature map five times, which leaves one pixel of a 32-pixel
image. The authors of residual networks kept the first layers at full resolution for 32-pixel images as well
(arXiv:1512.03385, section 4.2).

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from harness.faults.errors import TrialError
from harness.networks.complexity import evaluating, meta_copy
from harness.networks.strides import StrideSetting, described, halved_settings, is_strided, largest, strided_layers
from harness.records.record import FailureKind
from zoo.text import error_message

# Image sides at which the network is traced: large enough that mismatched maps cannot pass by broadcasting.
_TRACE_SIZES = (256, 224, 288, 320, 384, 512)
# Maximum number of strided layers in a block besides its first; a reduction cell of NASNet has the most.
_MAX_GROUP = 12
# Maximum number of layers that fail to change before the search stops; parallel branches would take minutes.
_MAX_MISFITS = 4


def adapt_small_images(
    model: nn.Module, *, image_size: int, in_channels: int, min_feature_size: int = 4
) -> tuple[str, ...]:
    """Reduce the first strides of *model*, in place, until its last feature map is large enough.

    Strides of convolutions and pooling layers are halved (4 → 2 → 1) one after another in the order in which they
    run, so that the stem comes first. If the new map of a layer cannot be added to or concatenated with another map,
    the layer is changed together with the strided layers that run next, so that both branches of a residual block
    change or neither does. The map of a changed layer has the side of its input divided by its stride: missing padding
    is added, and a pooling layer without overlap becomes the identity. Weights and their shapes stay the same. Every
    change is first tried on a copy without weights, and kept only if a forward pass succeeds and the last map grows.

    Args:
        model: Maps ``[B, C, H, W]`` to logits.
        image_size: H and W in pixels.
        in_channels: C.
        min_feature_size: Target side of the last feature map, which is the output of the last strided layer.

    Returns:
        A line for each layer that changed, such as ``conv1: stride 2 → 1``, and one more if the map stays smaller
        than the target because nothing is left to change. Empty if no change was needed.

    Raises:
        TrialError: If the network does not accept images of this size even after the adaptation.
    """
    probe = _Probe(model, in_channels)
    if not probe.strided:
        return ()
    changed: dict[str, tuple[StrideSetting, StrideSetting]] = {}
    stuck: set[str] = set()
    while (side := probe.feature_size(image_size)) < min_feature_size:
        group = probe.enlarge(stuck)
        if group is None:
            break
        for name, (before, after) in group.items():
            changed[name] = (changed[name][0] if name in changed else before, after)
    if side == 0:
        raise TrialError(
            FailureKind.PLUGIN,
            f"the network does not take images of {image_size} × {image_size} pixels, even with its first strides "
            f"reduced: {probe.problem}",
        )
    for name, (_, after) in changed.items():
        after.apply(model.get_submodule(name))
    lines = [described(name, before, after) for name, (before, after) in changed.items()]
    if side < min_feature_size:
        lines.append(f"the last feature map stays {side} × {side}")
    return tuple(lines)


@dataclass(slots=True)
class _Trace:
    """A forward pass: the strided layers in the order in which they ran, and the sides of their maps."""

    sides: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Input and output side of each layer by name, ordered by when the layer last ran."""

    @property
    def last_side(self) -> int:
        return next(reversed(self.sides.values()))[1]


class _Probe:
    """A copy of a network on which changes are tried, without weights if it can run without them."""

    def __init__(self, model: nn.Module, in_channels: int) -> None:
        self.in_channels = in_channels
        self.problem = ""
        self.strided: tuple[str, ...] = ()
        self._failure = ""
        self._misfits = 0
        for copied in (meta_copy, copy.deepcopy):
            self.model = self._copy(copied, model)
            for size in _TRACE_SIZES:
                trace = self._run(size, strided_layers(self.model))
                if trace is not None:
                    self.size = size
                    self.strided = tuple(_reducing(trace))
                    return
        raise TrialError(FailureKind.PLUGIN, f"the network cannot be adapted to small images: {self._failure}")

    def _copy(self, copied: Callable[[nn.Module], nn.Module], model: nn.Module) -> nn.Module:
        probe = copied(model)
        first = next(probe.parameters(), None)
        self.device = torch.device("cpu") if first is None else first.device
        return probe

    def feature_size(self, size: int) -> int:
        """Return the side of the last map for images of *size* pixels, or 0 if the forward pass fails."""
        trace = self._run(size, self.strided)
        if trace is not None:
            return trace.last_side
        self.problem = self._failure
        return 0

    def enlarge(self, stuck: set[str]) -> dict[str, tuple[StrideSetting, StrideSetting]] | None:
        """Reduce the first stride that can be reduced, along with related layers.

        Layers that cannot be reduced are added to *stuck*.

        Returns:
            The old and new setting of each changed layer by name, or None if no layer is left to try.
        """
        start = self._run(self.size, self.strided)
        assert start is not None, "every change that was kept has passed"
        open_layers = [name for name in start.sides if is_strided(self.model.get_submodule(name))]
        for position, first in enumerate(open_layers):
            if first in stuck:
                continue
            group: dict[str, tuple[StrideSetting, StrideSetting]] = {}
            trace: _Trace | None = None
            for name in open_layers[position : position + _MAX_GROUP]:
                layer = self.model.get_submodule(name)
                before = StrideSetting.of(layer)
                self._reduce(layer, start.sides[name][0])
                group[name] = (before, StrideSetting.of(layer))
                trace = self._run(self.size, self.strided)
                if trace is not None:
                    if trace.last_side > start.last_side:
                        return group
                    break
            for name, (before, _) in group.items():
                before.apply(self.model.get_submodule(name))
            stuck.add(first)
            if trace is None:
                self._misfits += 1
                if self._misfits == _MAX_MISFITS:
                    break
        return None

    def _reduce(self, layer: nn.Module, side: int) -> None:
        """Halve the stride of *layer* so that an input of this *side* gives a map with side / stride."""
        settings = halved_settings(layer)
        for setting in settings:
            setting.apply(layer)
            if self._output_side(layer, side) == math.ceil(side / largest(setting.stride)):
                return
        settings[0].apply(layer)

    def _output_side(self, layer: nn.Module, side: int) -> int:
        channels = getattr(layer, "in_channels", None) or getattr(layer, "channels", None) or 1
        try:
            with torch.no_grad():
                out_BCHW = layer(torch.zeros(1, channels, side, side, device=self.device))
        except Exception:  # the layer takes other arguments or rejects the setting: try the next one
            return 0
        return int(out_BCHW.shape[-1])

    def _run(self, size: int, names: Iterable[str]) -> _Trace | None:
        trace = _Trace()
        try:
            with evaluating(self.model), _recording(self.model, names, trace):
                self.model(torch.zeros(1, self.in_channels, size, size, device=self.device))
        except Exception as error:  # a network may raise anything when maps do not fit
            self._failure = error_message(error, max_length=200) or type(error).__name__
            return None
        return trace


@contextmanager
def _recording(model: nn.Module, names: Iterable[str], trace: _Trace) -> Iterator[None]:
    """Record the sides of the named layers' maps during a forward pass."""

    def hook_for(name: str) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
        def record(module: nn.Module, args: tuple[Any, ...], out: Any) -> None:
            if args and _is_map(args[0]) and _is_map(out):
                trace.sides.pop(name, None)  # a layer that runs twice is ordered by its last run
                trace.sides[name] = (int(args[0].shape[-1]), int(out.shape[-1]))

        return record

    handles = [model.get_submodule(name).register_forward_hook(hook_for(name)) for name in names]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _reducing(trace: _Trace) -> list[str]:
    return [name for name, (side_in, side_out) in trace.sides.items() if side_out < side_in]


def _is_map(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim == 4
