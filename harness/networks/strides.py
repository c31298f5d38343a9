"""Strided layers: finding them, and halving their stride so that only the size of their map changes.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class StrideSetting:
    """The settings of a strided layer that the adaptation may change."""

    stride: Any
    kernel_size: Any = None
    padding: Any = None
    extra: tuple[int, int, int, int] | None = None
    """Rows and columns of zeros to add before the layer: left, right, top, bottom."""

    @classmethod
    def of(cls, layer: nn.Module) -> StrideSetting:
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
    """A forward pre-hook that pads with zeros. Kernels with an even side need one more zero on one side."""

    amounts: tuple[int, int, int, int]

    def __call__(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (nn.functional.pad(args[0], self.amounts), *args[1:])


def strided_layers(model: nn.Module) -> list[str]:
    """Return the names of the innermost modules of *model* with a stride above 1."""
    strided = [name for name, module in model.named_modules() if is_strided(module)]
    return [
        name
        for name in strided
        if not any(other != name and (not name or other.startswith(f"{name}.")) for other in strided)
    ]


def is_strided(module: nn.Module) -> bool:
    stride: Any = getattr(module, "stride", None)
    if isinstance(stride, tuple):
        return bool(stride) and all(map(_is_number, stride)) and max(stride) > 1
    return _is_number(stride) and stride > 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def halved_settings(layer: nn.Module) -> list[StrideSetting]:
    """Return possible settings of *layer* with half its stride, the smallest change first."""
    now = StrideSetting.of(layer)
    stride = _map_numbers(now.stride, lambda number: max(1, number // 2))
    settings = [replace(now, stride=stride)]
    if isinstance(layer, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)) and not isinstance(now.padding, str):
        small = largest(stride)
        kernel = (largest(now.kernel_size) - 1) * largest(getattr(layer, "dilation", 1)) + 1
        total = kernel - small  # padding, both sides together, that keeps the map at side / stride
        if total >= 0 and total % 2 == 0:
            padding = _like(now.padding, total // 2)
            settings.append(StrideSetting(stride=stride, kernel_size=now.kernel_size, padding=padding))
        elif total > 0 and isinstance(layer, nn.Conv2d):
            left, right = total // 2, total - total // 2
            settings.append(
                StrideSetting(
                    stride=stride,
                    kernel_size=now.kernel_size,
                    padding=_like(now.padding, 0),
                    extra=(left, right, left, right),
                )
            )
        if not isinstance(layer, nn.Conv2d):
            settings.append(
                StrideSetting(stride=stride, kernel_size=_like(now.kernel_size, small), padding=_like(now.padding, 0))
            )
    return settings


def largest(value: Any) -> int:
    return int(max(value)) if isinstance(value, (tuple, list)) else int(value)


def _map_numbers(value: Any, function: Callable[[int], int]) -> Any:
    return tuple(map(function, value)) if isinstance(value, tuple) else function(value)


def _like(value: Any, number: int) -> Any:
    return _map_numbers(value, lambda _: number)


def described(name: str, before: StrideSetting, after: StrideSetting) -> str:
    parts = [f"stride {largest(before.stride)} → {largest(after.stride)}"]
    if after.kernel_size is not None and largest(before.kernel_size) != largest(after.kernel_size):
        parts.append(f"kernel {largest(before.kernel_size)} → {largest(after.kernel_size)}")
    if after.extra is not None or _pads(before) != _pads(after):
        parts.append(f"padding {_pads(before)} → {_pads(after)}")
    return f"{name or 'the network'}: {', '.join(parts)}"


def _pads(setting: StrideSetting) -> str:
    if setting.extra is not None:
        return f"{setting.extra[0]} and {setting.extra[1]}"
    return str(setting.padding if isinstance(setting.padding, str) else largest(setting.padding or 0))
