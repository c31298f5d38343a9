"""Forward state: the state that a step's forward passes change, saved so that the step can be repeated."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import Tensor, nn

from harness.training.tensor_lists import ListCopy


class ForwardState:
    """The state of the global random generators and of a network's buffers, such as running statistics.

    It is saved before each step but rarely restored, so saving is cheap and never waits for the device. State in plain
    attributes of a network is not restored.
    """

    def __init__(self, model: nn.Module, device: torch.device) -> None:
        self._device = device
        buffers = list(model.buffers())
        self._saving = ListCopy([buffer.clone() for buffer in buffers], buffers)
        self._numpy = np.random.mtrand.get_bit_generator()
        self.take()

    def take(self) -> None:
        """Save the current state."""
        self._saving.forwards()
        self._python_state, self._numpy_state = random.getstate(), self._numpy.state
        self._cpu_state = torch.get_rng_state()
        self._device_state = self._get_device_state()

    def restore(self) -> None:
        """Restore the saved state."""
        self._saving.backwards()
        random.setstate(self._python_state)
        self._numpy.state = self._numpy_state
        torch.set_rng_state(self._cpu_state)
        if self._device_state is not None:
            set_device_rng_state(self._device, self._device_state)

    def _get_device_state(self) -> Tensor | None:
        return device_rng_state(self._device)


def device_rng_state(device: torch.device) -> Tensor | None:
    """Return the state of an accelerator's global generator, on the host and without waiting for the device."""
    if device.type == "cpu":
        return None
    state: Tensor
    if device.type == "mps":  # it has one device, and its function takes none
        state = torch.mps.get_rng_state()
    else:
        state = torch.get_device_module(device).get_rng_state(device)
    return state


def set_device_rng_state(device: torch.device, state: Tensor) -> None:
    """Set the state of an accelerator's global generator."""
    if device.type == "mps":
        torch.mps.set_rng_state(state)
    else:
        torch.get_device_module(device).set_rng_state(state, device)
