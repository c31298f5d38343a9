"""The small-image adaptation: first strides are reduced until enough of a map is left at the end.

A network made for 224 pixels typically halves its map five times; of a 32-pixel image that leaves one pixel. Keeping
the first layers at full resolution is what the authors of residual networks did for 32-pixel images (arXiv:1512.03385,
section 4.2).

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from harness.complexity import evaluating, meta_copy
from harness.errors import TrialError
from harness.record import FailureKind

# Sides at which the network is traced: large enough that maps which do not fit together cannot pass by broadcasting.
_TRACE_SIZES = (256, 224, 288, 320, 384, 512)
# Strided layers that a block may hold beside its first one; a reduction cell of NASNet has the most.
_MAX_GROUP = 12
# Layers that may fail to change before the rest is left alone: networks of parallel branches would try for minutes.
_MAX_STUCK = 4


def adapt_small_images(
    model: nn.Module, *, image_size: int, in_channels: int, min_feature_size: int = 4
) -> tuple[str, ...]:
    """Reduce the first strides of *model*, in place, until its last feature map is large enough.

    Strides of convolutions and pooling layers are halved (4 → 2 → 1) one after another in the order in which they
    run, so that the stem comes first. A layer whose new map does not fit what it is added to or joined with is taken
    together with the strided layers that run next, so that both branches of a residual block change or neither. A
    layer that takes part keeps its map's size up to its stride: a missing padding is added, and a pooling layer
    without overlap becomes the identity. Weights are not touched, and their shapes stay. Every change is tried on a
    copy without weights first, and kept only if a forward pass succeeds and the last map grows.

    Args:
        model: Maps ``[B, C, H, W]`` to logits.
        image_size: H and W in pixels.
        in_channels: C.
        min_feature_size: Side of the last feature map to reach: the output of the last layer that was strided.

    Returns:
        A line for each layer that changed, such as ``conv1: stride 2 → 1``, and one more where the map stays smaller
        than asked for because nothing is left to change. Empty where nothing had to be changed.

    Raises:
        TrialError: If the network does not take images of this size even then.
    """
    probe = _Probe(model, in_channels)
    if not probe.strided:
        return ()
    changed: dict[str, tuple[_Setting, _Setting]] = {}
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
    lines = [_described(name, before, after) for name, (before, after) in changed.items()]
    if side < min_feature_size:
        lines.append(f"the last feature map stays {side} × {side}")
    return tuple(lines)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Setting:
    """What of a strided layer may change."""

    stride: Any
    kernel_size: Any = None
    padding: Any = None
    extra: tuple[int, int, int, int] | None = None
    """Zeros added before the layer: left, right, top, bottom."""

    @classmethod
    def of(cls, layer: nn.Module) -> _Setting:
        hooks = [hook for hook in layer._forward_pre_hooks.values() if isinstance(hook, _PadBefore)]
        return cls(
            stride=layer.stride,
            kernel_size=getattr(layer, "kernel_size", None),
            padding=getattr(layer, "padding", None),
            extra=hooks[0].amounts if hooks else None,
        )

    def apply(self, layer: nn.Module) -> None:
        layer.stride = self.stride
        for name in ("kernel_size", "padding"):
            if hasattr(layer, name):
                setattr(layer, name, getattr(self, name))
        for key, hook in list(layer._forward_pre_hooks.items()):
            if isinstance(hook, _PadBefore):
                del layer._forward_pre_hooks[key]
        if self.extra is not None:
            layer.register_forward_pre_hook(_PadBefore(self.extra))


@dataclass(frozen=True, slots=True)
class _PadBefore:
    """Forward pre-hook that pads with zeros, for kernels of even side, which need one more on one side."""

    amounts: tuple[int, int, int, int]

    def __call__(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (nn.functional.pad(args[0], self.amounts), *args[1:])


@dataclass(slots=True)
class _Trace:
    """One forward pass: the strided layers in the order in which they ran, and the sides of their maps."""

    sides: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Input and output side by name, in the order of their last run."""

    @property
    def last_side(self) -> int:
        return next(reversed(self.sides.values()))[1]


class _Probe:
    """A copy of a network, without weights where it runs without them, on which changes are tried."""

    def __init__(self, model: nn.Module, in_channels: int) -> None:
        self.in_channels = in_channels
        self.problem = ""
        self.strided: tuple[str, ...] = ()
        self._failure = ""
        for copied in (meta_copy, copy.deepcopy):
            self.model = self._copy(copied, model)
            for size in _TRACE_SIZES:
                trace = self._run(size, _strided_layers(self.model))
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
        """Return the side of the last map for images of *size* pixels, 0 where the forward pass fails."""
        trace = self._run(size, self.strided)
        if trace is not None:
            return trace.last_side
        self.problem = self._failure
        return 0

    def enlarge(self, stuck: set[str]) -> dict[str, tuple[_Setting, _Setting]] | None:
        """Reduce the first stride that can be, with what belongs to it, and return both settings of each layer.

        Layers with which that is not possible are added to *stuck*. None means that there are no others.
        """
        start = self._run(self.size, self.strided)
        assert start is not None, "every change that was kept has passed"
        open_layers = [name for name in start.sides if _is_strided(self.model.get_submodule(name))]
        for position, first in enumerate(open_layers):
            if first in stuck:
                continue
            group: dict[str, tuple[_Setting, _Setting]] = {}
            for name in open_layers[position : position + _MAX_GROUP]:
                layer = self.model.get_submodule(name)
                before = _Setting.of(layer)
                self._reduce(layer, start.sides[name][0])
                group[name] = (before, _Setting.of(layer))
                trace = self._run(self.size, self.strided)
                if trace is not None:
                    if trace.last_side > start.last_side:
                        return group
                    break
            for name, (before, _) in group.items():
                before.apply(self.model.get_submodule(name))
            stuck.add(first)
            if len(stuck) >= _MAX_STUCK:
                break
        return None

    def _reduce(self, layer: nn.Module, side: int) -> None:
        """Halve the stride of *layer*, whose input has this *side*, so that its map has a side of side / stride."""
        settings = _halved(layer)
        for setting in settings:
            setting.apply(layer)
            if self._output_side(layer, side) == math.ceil(side / _largest(setting.stride)):
                return
        settings[0].apply(layer)

    def _output_side(self, layer: nn.Module, side: int) -> int:
        channels = getattr(layer, "in_channels", None) or getattr(layer, "channels", None) or 1
        try:
            with torch.no_grad():
                out_BCHW = layer(torch.zeros(1, channels, side, side, device=self.device))
        except Exception:  # it takes other arguments, or refuses the setting: not the one
            return 0
        return int(out_BCHW.shape[-1])

    def _run(self, size: int, names: Iterable[str]) -> _Trace | None:
        trace = _Trace()
        try:
            with evaluating(self.model), _recording(self.model, names, trace):
                self.model(torch.zeros(1, self.in_channels, size, size, device=self.device))
        except Exception as error:  # a network may raise anything when maps do not fit
            self._failure = " ".join(str(error).split())[:200] or type(error).__name__
            return None
        return trace


@contextmanager
def _recording(model: nn.Module, names: Iterable[str], trace: _Trace) -> Iterator[None]:
    """Record the maps of the named layers while a forward pass runs."""

    def hook_for(name: str) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
        def record(module: nn.Module, args: tuple[Any, ...], out: Any) -> None:
            if args and _is_map(args[0]) and _is_map(out):
                trace.sides.pop(name, None)  # a layer that runs twice counts where it ran last
                trace.sides[name] = (int(args[0].shape[-1]), int(out.shape[-1]))

        return record

    handles = [model.get_submodule(name).register_forward_hook(hook_for(name)) for name in names]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _halved(layer: nn.Module) -> list[_Setting]:
    """Return what may become of *layer* when its stride is halved, the least change first."""
    now = _Setting.of(layer)
    stride = _map_numbers(now.stride, lambda number: max(1, number // 2))
    settings = [replace(now, stride=stride)]
    if isinstance(layer, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)) and not isinstance(now.padding, str):
        small = _largest(stride)
        kernel = (_largest(now.kernel_size) - 1) * _largest(getattr(layer, "dilation", 1)) + 1
        total = kernel - small  # zeros on both sides together that keep the map's side at side / stride
        if total >= 0 and total % 2 == 0:
            padding = _like(now.padding, total // 2)
            settings.append(_Setting(stride=stride, kernel_size=now.kernel_size, padding=padding))
        elif total > 0 and isinstance(layer, nn.Conv2d):
            left, right = total // 2, total - total // 2
            settings.append(
                _Setting(
                    stride=stride,
                    kernel_size=now.kernel_size,
                    padding=_like(now.padding, 0),
                    extra=(left, right, left, right),
                )
            )
        if not isinstance(layer, nn.Conv2d):
            settings.append(
                _Setting(stride=stride, kernel_size=_like(now.kernel_size, small), padding=_like(now.padding, 0))
            )
    return settings


def _strided_layers(model: nn.Module) -> list[str]:
    """Name the innermost modules of *model* that have a stride above 1."""
    strided = [name for name, module in model.named_modules() if _is_strided(module)]
    return [
        name
        for name in strided
        if not any(other != name and (not name or other.startswith(f"{name}.")) for other in strided)
    ]


def _reducing(trace: _Trace) -> list[str]:
    return [name for name, (side_in, side_out) in trace.sides.items() if side_out < side_in]


def _is_strided(module: nn.Module) -> bool:
    stride: Any = getattr(module, "stride", None)
    if isinstance(stride, tuple):
        return bool(stride) and all(map(_is_number, stride)) and max(stride) > 1
    return _is_number(stride) and stride > 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_map(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim == 4


def _largest(value: Any) -> int:
    return int(max(value)) if isinstance(value, (tuple, list)) else int(value)


def _map_numbers(value: Any, function: Callable[[int], int]) -> Any:
    return tuple(map(function, value)) if isinstance(value, tuple) else function(value)


def _like(value: Any, number: int) -> Any:
    return _map_numbers(value, lambda _: number)


def _described(name: str, before: _Setting, after: _Setting) -> str:
    parts = [f"stride {_largest(before.stride)} → {_largest(after.stride)}"]
    if after.kernel_size is not None and _largest(before.kernel_size) != _largest(after.kernel_size):
        parts.append(f"kernel {_largest(before.kernel_size)} → {_largest(after.kernel_size)}")
    if after.extra is not None or _pads(before) != _pads(after):
        parts.append(f"padding {_pads(before)} → {_pads(after)}")
    return f"{name or 'the network'}: {', '.join(parts)}"


def _pads(setting: _Setting) -> str:
    if setting.extra is not None:
        return f"{setting.extra[0]} and {setting.extra[1]}"
    return str(setting.padding if isinstance(setting.padding, str) else _largest(setting.padding or 0))
