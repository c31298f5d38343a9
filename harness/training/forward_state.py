"""Forward state: what a training step's forward passes change, so that a step can be done again from its start."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import Tensor, nn


class ForwardState:
    """Remembers the global generators and a network's buffers, such as running statistics.

    It is taken before each step and seldom needed, so it is kept cheap: nothing waits for the device. What a network
    keeps elsewhere, in plain attributes, is not restored.
    """

    def __init__(self, model: nn.Module, device: torch.device) -> None:
        self._device = device
        self._buffers = list(model.buffers())
        self._saved_buffers = [buffer.clone() for buffer in self._buffers]
        self._numpy = np.random.mtrand.get_bit_generator()
        self.take()

    @torch.no_grad()
    def take(self) -> None:
        """Remember how things are now."""
        if self._buffers:
            torch._foreach_copy_(self._saved_buffers, self._buffers)
        self._python_state, self._numpy_state = random.getstate(), self._numpy.state
        self._cpu_state = torch.get_rng_state()
        self._device_state = self._get_device_state()

    @torch.no_grad()
    def restore(self) -> None:
        """Have things as they were."""
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
