"""Checkpoints: the state a stopped training goes on from, and the weights that were tested.

While a trial runs, its folder holds ``state-EPOCH-SHA256.safetensors``; the name carries the sum, so that state and sum
appear in one rename. At the end it holds ``checkpoint.safetensors``: the tested weights and buffers, by name.
"""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path

import torch
from torch import nn

from harness.records.store import STATE_PATTERN
from harness.system.atomic_files import TEMPORARY_PREFIX, write_bytes
from harness.training.state import TrainingState
from zoo.errors import StoreError

FILE_NAME = "checkpoint.safetensors"
MAX_SHARE = 0.05
"""Share of a training's time that saving its state may take; an epoch that comes too soon is not saved."""

_STATE_NAME = re.compile(r"state-(\d+)-([0-9a-f]{64})\.safetensors")


class TrainingStates:
    """The saved training states of one trial, of which only the newest is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._next_save = 0.0

    def latest(self) -> TrainingState | None:
        """Return the newest state that is whole, or None."""
        for path, sha256 in self._found():
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != sha256:
                continue
            try:
                return TrainingState.from_bytes(content)
            except StoreError:
                continue  # of another version; training starts again
        return None

    def save(self, state: TrainingState) -> None:
        """Save *state* durably in place of older ones, unless too much time would go into saving."""
        start = time.monotonic()
        if start < self._next_save:
            return
        content = state.to_bytes()
        name = f"state-{state.epoch:06d}-{hashlib.sha256(content).hexdigest()}.safetensors"
        write_bytes(self._folder / name, content)
        for path, _ in self._found():
            if path.name != name:
                path.unlink(missing_ok=True)
        end = time.monotonic()
        self._next_save = end + (end - start) * (1 / MAX_SHARE - 1)

    def clear(self) -> None:
        """Remove all states."""
        for path, _ in self._found():
            path.unlink(missing_ok=True)

    def _found(self) -> list[tuple[Path, str]]:
        """Return the files and the sums in their names, newest first."""
        named = [(path, _STATE_NAME.fullmatch(path.name)) for path in self._folder.glob(STATE_PATTERN)]
        found = [(int(match[1]), path, match[2]) for path, match in named if match]
        return [(path, sha256) for _, path, sha256 in sorted(found, reverse=True)]


def save_weights(folder: Path, model: nn.Module) -> Path:
    """Write a network's parameters and buffers durably and return the file."""
    from safetensors.torch import save

    # Copies, for safetensors refuses tensors that share memory, as tied weights do.
    tensors = {
        name: value.detach().to("cpu", copy=True).contiguous()
        for name, value in model.state_dict().items()
        if isinstance(value, torch.Tensor)
    }
    path = folder / FILE_NAME
    write_bytes(path, save(tensors))
    return path


def remove_stale_temporaries(folder: Path) -> None:
    """Remove what a killed process left half written; the caller holds the folder's lock."""
    for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
        path.unlink()
