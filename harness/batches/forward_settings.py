"""Forward settings: how a network runs, in training, evaluation, timing and serving."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from harness.batches.normalization import ChannelStatistics, Normalizer

Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ForwardSettings:
    """How a network runs: its device, numeric precision and memory format, and whether it is compiled."""

    device: torch.device
    normalization: ChannelStatistics
    """Mean and standard deviation per channel that images are normalised with."""
    precision: Precision = "fp32"
    """Numeric precision of the forward pass; weights and updates are float32."""
    channels_last: bool = False
    """Whether images and weights use the channels-last memory format."""
    compile: bool = False
    """Whether the network runs through ``torch.compile``."""
    graphs: bool = False
    """Whether the compiled network is also recorded as CUDA graphs."""
    trials_on_device: int = 1
    """How many trials may run on the device at a time, each with its share of the memory."""

    def __post_init__(self) -> None:
        if self.graphs and not self.compile:
            raise ValueError("only compiled networks are recorded as CUDA graphs")

    @property
    def memory_format(self) -> torch.memory_format:
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def normalizer(self) -> Normalizer:
        """Return a function that converts ``uint8`` images on the device to the network's input."""
        return Normalizer(self.normalization, self.device, channels_last=self.channels_last)

    def place(self, model: nn.Module) -> None:
        """Move *model* to the device, and to channels-last memory if that is used."""
        model.to(self.device)
        if self.channels_last:
            set_memory_format(model, torch.channels_last)


def set_memory_format(model: nn.Module, memory_format: torch.memory_format) -> None:
    """Put the tensors of 2D convolutions into a memory format.

    For channels last, ``Module.to`` fails if a network has others, such as the 3D convolutions of lambda networks.
    """
    tensors = [*model.parameters(), *model.buffers()]
    if all(tensor.ndim != 5 for tensor in tensors):
        model.to(memory_format=memory_format)
        return
    for tensor in tensors:
        if tensor.ndim == 4:
            tensor.data = tensor.data.to(memory_format=memory_format)
