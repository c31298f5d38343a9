"""State dicts: tensors by name, as tools save them, brought into a network of ours with nothing left to chance.

Read are safetensors, and what ``torch.save`` writes as far as ``weights_only`` reads it: that unpickles tensors and
plain containers and runs no code of the file's.
"""

from __future__ import annotations

import fnmatch
import pickle
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zoo.errors import StoreError, UsageError

_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "weights")
"""Keys under which training scripts keep the weights, the most telling first."""
_PREFIXES = ("module.", "_orig_mod.", "model.", "net.")
"""What wrappers put before every name: DataParallel and DDP, ``torch.compile``, modules around the network."""
_UNUSED_SUFFIX = "num_batches_tracked"
"""Counters of batch normalisation, which prediction does not read, and which files of before torch 0.4.1 lack."""
_SHOWN = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class StateDictMismatch:
    """Where tensors do not fit a network."""

    missing: tuple[str, ...]
    """Names that the network has and the tensors have not."""
    unexpected: tuple[str, ...]
    """Names that the tensors have and the network has not."""
    shapes: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    """Name, shape given and shape wanted, where these differ."""

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.shapes)

    def __str__(self) -> str:
        shapes = [f"{name} is {list(given)} and not {list(wanted)}" for name, given, wanted in self.shapes]
        parts = [
            f"{len(names)} {what} ({', '.join(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''})"
            for what, names in (("missing", self.missing), ("of other shapes", shapes), ("unexpected", self.unexpected))
            if names
        ]
        return "; ".join(parts)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class StateDict:
    """Tensors by name, and what was done to get at them."""

    tensors: dict[str, Tensor]
    notes: tuple[str, ...] = ()
    """A sentence for each choice that was made."""


def read_state_dict(path: Path, *, key: str | None = None) -> StateDict:
    """Read the tensors of a file.

    Args:
        path: ``.safetensors``, else what ``torch.save`` writes.
        key: Under which of the file's keys they are; None: the usual ones are looked for.

    Raises:
        StoreError: If it cannot be read, holds more than ``weights_only`` reads, or no tensors.
        UsageError: If there is no such key.
    """
    content = _load_safetensors(path) if path.suffix == ".safetensors" else _load_pickled(path)
    notes: list[str] = []
    if isinstance(content, Mapping):
        nested = {str(name): value for name, value in content.items() if _is_state_dict(value)}
        if key is not None:
            if key not in nested:
                has = f"it has {', '.join(map(repr, nested))}" if nested else "it has no weights under any key"
                raise UsageError(f"{path} has no weights under the key {key!r}; {has}")
            content = nested[key]
        elif nested and not _is_state_dict(content):
            chosen = next((name for name in _WRAPPERS if name in nested), next(iter(nested)))
            content = nested.pop(chosen)
            others = f"; it also has {', '.join(map(repr, nested))}" if nested else ""
            notes.append(f"weights were taken from the key {chosen!r}{others}")
    if not _is_state_dict(content):
        raise StoreError(f"{path} holds no state dict: tensors by name, alone or under a key such as 'state_dict'")
    return StateDict(
        tensors={str(name): value for name, value in content.items() if isinstance(value, Tensor)}, notes=tuple(notes)
    )


def without_prefix(state: StateDict, model: nn.Module) -> StateDict:
    """Take away what wrappers put before every name, where the network's own names do not begin like that."""
    tensors, taken = state.tensors, ""
    own = model.state_dict()
    while prefix := next((each for each in _PREFIXES if all(name.startswith(each) for name in tensors)), ""):
        if any(name.startswith(prefix) for name in own):
            break
        tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
        taken += prefix
    note = (f"{taken!r} was taken away from before every name",) if taken else ()
    return StateDict(tensors=tensors, notes=(*state.notes, *note))


def fill(model: nn.Module, tensors: Mapping[str, Tensor], *, ignore: Sequence[str] = ()) -> StateDictMismatch:
    """Put *tensors* into *model* if every one fits; else change nothing.

    Args:
        model: The network.
        tensors: By name; floating-point ones become float32.
        ignore: Shell-style patterns of names that may be there although the network has no such tensor.

    Returns:
        Where they do not fit; empty where the network now has them all.
    """
    own = {name: value for name, value in model.state_dict().items() if isinstance(value, Tensor)}
    misfit = StateDictMismatch(
        missing=tuple(name for name in own if name not in tensors and not name.endswith(_UNUSED_SUFFIX)),
        unexpected=tuple(
            name
            for name in tensors
            if name not in own and not any(fnmatch.fnmatchcase(name, pattern) for pattern in ignore)
        ),
        shapes=tuple(
            (name, tuple(tensors[name].shape), tuple(value.shape))
            for name, value in own.items()
            if name in tensors and tensors[name].shape != value.shape
        ),
    )
    if not misfit:
        fitting = {name: value for name, value in tensors.items() if name in own}
        model.load_state_dict(with_versions(model, fitting), strict=False)
    return misfit


def with_versions(model: nn.Module, tensors: Mapping[str, Tensor]) -> OrderedDict[str, Tensor]:
    """Return *tensors* as a state dict of the present version of *model*'s modules.

    Files of tensors alone do not hold versions, and some modules insist on one: torchvision's MNASNet.
    """
    state = OrderedDict(tensors)
    state._metadata = model.state_dict()._metadata  # type: ignore[attr-defined]
    return state


def _is_state_dict(value: object) -> bool:
    return isinstance(value, Mapping) and bool(value) and any(isinstance(each, Tensor) for each in value.values())


def _load_safetensors(path: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    return _reading(path, lambda: load_file(path), SafetensorError)


def _load_pickled(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            # Of a file that is refused anyway, and of one that is read in spite of it.
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            return _reading(path, lambda: torch.load(path, map_location="cpu", weights_only=True))
    except pickle.UnpicklingError as error:
        raise StoreError(
            f"{path} holds more than tensors, or is no file of torch's, and is not unpickled, for that could run "
            "anything; where you trust it, save its state_dict() alone, best as safetensors"
        ) from error


def _reading(path: Path, read: Callable[[], Any], *expected: type[Exception]) -> Any:
    damaged: tuple[type[Exception], ...] = (*expected, RuntimeError, ValueError, EOFError, KeyError)
    try:
        return read()
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error
    except damaged as error:
        raise StoreError(f"{path} cannot be read: {' '.join(str(error).split())[:200]}") from error
