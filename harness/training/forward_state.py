"""Forward state: the state that a step's forward passes change, saved so that the step can be repeated."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import Tensor, nn


class ForwardState:
    """The state of the global random generators and of a network's buffers, such as running statistics.

    It is saved before each step but rarely restored, so saving is cheap and never waits for the device. State in plain
    attributes of a network is not restored.
    """

    def __init__(self, model: nn.Module, device: torch.device) -> None:
        self._device = device
        self._buffers = list(model.buffers())
        self._saved_buffers = [buffer.clone() for buffer in self._buffers]
        self._numpy = np.random.mtrand.get_bit_generator()
        self.take()

    @torch.no_grad()
    def take(self) -> None:
        """Save the current state."""
        if self._buffers:
            torch._foreach_copy_(self._saved_buffers, self._buffers)
        self._python_state, self._numpy_state = random.getstate(), self._numpy.state
        self._cpu_state = torch.get_rng_state()
        self._device_state = self._get_device_state()

    @torch.no_grad()
    def restore(self) -> None:
        """Restore the saved state."""
        if self._buffers:
            torch._foreach_copy_(self._buffers, self._saved_buffers)
        random.setstate(self._python_state)
        self._numpy.state = self._numpy_state
        torch.set_rng_state(self._cpu_state)
        if self._device_state is not None and self._device.type == "cuda":
            torch.cuda.set_rng_state(self._device_state, self._device)
        elif self._device_state is not None:
            torch.mps.set_rng_state(self._device_state)

    def _get_device_state(self) -> Tensor | None:
        if self._device.type == "cuda":
            return torch.cuda.get_rng_state(self._device)
        return torch.mps.get_rng_state() if self._device.type == "mps" else None
