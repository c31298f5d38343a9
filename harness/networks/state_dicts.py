"""State dicts: tensors by name, loaded into a network only if all of them fit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from zoo.text import plural

COUNTER_SUFFIX = "num_batches_tracked"
"""Suffix of batch normalisation's counters. Prediction ignores them, and files from before torch 0.4.1 lack them."""
_STATISTICS = ("running_mean", "running_var")
_SHOWN = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class StateDictMismatch:
    """Differences between the given tensors and those of a network."""

    missing: tuple[str, ...]
    """Names only in the network."""
    unexpected: tuple[str, ...]
    """Names only among the given tensors."""
    shapes: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    """Name, given shape and expected shape of each tensor whose shape differs."""

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.shapes)

    def __str__(self) -> str:
        shapes = [f"{name} is {list(given)} instead of {list(wanted)}" for name, given, wanted in self.shapes]
        parts = [
            f"{len(names)} {what} ({', '.join(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''})"
            for what, names in (
                ("missing", self.missing),
                ("of another shape", shapes),
                ("unexpected", self.unexpected),
            )
            if names
        ]
        return "; ".join(parts)


def fill(model: nn.Module, tensors: Mapping[str, Tensor]) -> StateDictMismatch:
    """Load *tensors* into *model* if they fit exactly; otherwise change nothing.

    Args:
        model: The network.
        tensors: Tensors by name; floating-point tensors are converted to float32.

    Returns:
        The differences; empty if the tensors were loaded.
    """
    own = {name: value for name, value in model.state_dict().items() if isinstance(value, Tensor)}
    mismatch = StateDictMismatch(
        missing=tuple(name for name in own if name not in tensors and not name.endswith(COUNTER_SUFFIX)),
        unexpected=tuple(name for name in tensors if name not in own),
        shapes=tuple(
            (name, tuple(tensors[name].shape), tuple(value.shape))
            for name, value in own.items()
            if name in tensors and tensors[name].shape != value.shape
        ),
    )
    if not mismatch:
        model.load_state_dict(with_versions(model, tensors), strict=False)
    return mismatch


def not_finite(model: nn.Module) -> str:
    """Return which tensors of *model* hold NaN or infinity, as part of a sentence; empty if none does.

    Buffers may hold infinity, as attention masks do, except for batch normalisation's statistics.
    """
    tensors: list[tuple[str, Tensor, bool]] = [(name, each, False) for name, each in model.named_parameters()]
    tensors += [(name, each, not name.endswith(_STATISTICS)) for name, each in model.named_buffers()]
    found = [name for name, tensor, may_be_infinite in tensors if _is_odd(tensor, may_be_infinite)]
    if not found:
        return ""
    names = f"{', '.join(found[:_SHOWN])}{', …' if len(found) > _SHOWN else ''}"
    verb = "holds" if len(found) == 1 else "hold"
    return f"{plural(len(found), 'tensor')} of the network {verb} NaN or infinity ({names})"


def _is_odd(tensor: Tensor, may_be_infinite: bool) -> bool:
    if not tensor.is_floating_point() or tensor.is_meta:
        return False
    return bool(tensor.isnan().any() if may_be_infinite else not tensor.isfinite().all())


def with_versions(model: nn.Module, tensors: Mapping[str, Tensor]) -> OrderedDict[str, Tensor]:
    """Return *tensors* as a state dict with the current versions of *model*'s modules.

    Files that contain only tensors have no versions, but some modules need one, such as torchvision's MNASNet.
    """
    state = OrderedDict(tensors)
    state._metadata = model.state_dict()._metadata  # type: ignore[attr-defined]
    return state
