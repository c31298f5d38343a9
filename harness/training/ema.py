"""EMA: an exponential moving average of weights, which is often more accurate than the weights themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from harness.training.tensor_lists import ListCopy
from zoo.errors import StoreError


class ModelEma:
    """Averages parameters and floating-point buffers after each step; other buffers are copied.

    The decay of step t (from 1) is ``min(decay, (1 + t) / (10 + t))``, so that the first weights are soon forgotten
    and short trainings benefit as well. See Polyak and Juditsky 1992; the rising decay follows TensorFlow.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.step = 0
        self._live = tensors_of(model)
        self.averages = {name: value.clone() for name, value in self._live.items()}
        floating: dict[torch.dtype, list[str]] = {}  # a list of mixed types takes a kernel for each tensor
        for name, value in self._live.items():
            if value.is_floating_point():
                floating.setdefault(value.dtype, []).append(name)
        self._floating = [
            ([self.averages[name] for name in names], [self._live[name] for name in names])
            for names in floating.values()
        ]
        others = [name for name, value in self._live.items() if not value.is_floating_point()]
        self._others = ListCopy([self.averages[name] for name in others], [self._live[name] for name in others])
        self._all = ListCopy(list(self._live.values()), list(self.averages.values()))

    @torch.no_grad()
    def update(self) -> None:
        """Update the averages after a step."""
        self.step += 1
        decay = min(self.decay, (1 + self.step) / (10 + self.step))
        for averages, live in self._floating:
            torch._foreach_lerp_(averages, live, 1 - decay)
        self._others.forwards()

    def copy_to_model(self) -> None:
        """Copy the averages into the model."""
        self._all.forwards()

    def load(self, averages: dict[str, Tensor], *, step: int) -> None:
        """Continue from saved averages."""
        self.step = step
        for name, value in self.averages.items():
            value.copy_(averages[name])

    @contextmanager
    def in_model(self) -> Iterator[None]:
        """Swap the averages into the model for the body, then restore its own weights."""
        own = ListCopy(list(self._live.values()), [value.clone() for value in self._live.values()])
        self.copy_to_model()
        try:
            yield
        finally:
            own.forwards()


def tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """Return a model's parameters and persistent buffers by name, detached but not copied."""
    return {name: value for name, value in model.state_dict().items() if isinstance(value, Tensor)}


@torch.no_grad()
def load_tensors(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Copy tensors that :func:`tensors_of` returned into a model.

    Raises:
        StoreError: If names or shapes differ.
    """
    own = tensors_of(model)
    if {name: value.shape for name, value in own.items()} != {name: value.shape for name, value in tensors.items()}:
        raise StoreError(f"the saved weights do not fit this {type(model).__name__}")
    for name, value in own.items():
        value.copy_(tensors[name])
