"""Checkpoints: the state that a stopped training resumes from, and the weights that were tested.

While a trial runs, its folder holds a state file (see :mod:`harness.records.state_files`). At the end it holds
``checkpoint.safetensors``: the tested weights and buffers, by name.
"""

from __future__ import annotations

import time
from pathlib import Path

import torch
from torch import nn

from harness.records.state_files import is_whole, state_files, state_name
from harness.records.store import CHECKPOINT_FILE
from harness.system.atomic_files import TEMPORARY_PREFIX, write_bytes
from harness.training.state import TrainingState
from zoo.errors import StoreError
from zoo.files.plain_files import WEIGHTS, read_bytes

MAX_SHARE = 0.05
"""Maximum share of training time spent on saving states; epochs that end too soon after a save are not saved."""


class TrainingStates:
    """The saved training states of one trial; only the newest is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._next_save = 0.0

    def latest(self) -> TrainingState | None:
        """Return the newest intact state, or None."""
        for path in state_files(self._folder):
            content = read_bytes(path, WEIGHTS)
            if not is_whole(path.name, content):
                continue
            try:
                return TrainingState.from_bytes(content)
            except StoreError:
                continue  # written by another version; training starts again
        return None

    def save(self, state: TrainingState) -> None:
        """Save *state* durably and remove older ones, unless saving would take more than :data:`MAX_SHARE`."""
        start = time.monotonic()
        if start < self._next_save:
            return
        self.save_now(state)
        end = time.monotonic()
        self._next_save = end + (end - start) * (1 / MAX_SHARE - 1)

    def save_now(self, state: TrainingState) -> None:
        """Save *state* durably and remove older ones."""
        content = state.to_bytes()
        name = state_name(state.epoch, content)
        write_bytes(self._folder / name, content)
        for path in state_files(self._folder):
            if path.name != name:
                path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all states."""
        for path in state_files(self._folder):
            path.unlink(missing_ok=True)


def save_weights(folder: Path, model: nn.Module) -> Path:
    """Write a network's parameters and buffers durably and return the file."""
    from safetensors.torch import save

    # Copies, because safetensors rejects tensors that share memory, such as tied weights.
    tensors = {
        name: value.detach().to("cpu", copy=True).contiguous()
        for name, value in model.state_dict().items()
        if isinstance(value, torch.Tensor)
    }
    path = folder / CHECKPOINT_FILE
    write_bytes(path, save(tensors))
    return path


def remove_stale_temporaries(folder: Path) -> None:
    """Remove files that a killed process left half-written; the caller holds the folder's lock."""
    for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
        path.unlink()
