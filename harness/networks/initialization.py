"""Initialisation: initial weights of convolutional and linear layers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from torch import nn

_LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


Kind = Literal["default", "kaiming", "xavier", "orthogonal", "zero_head"]


def initialize(layers: Iterable[nn.Module], kind: Kind) -> None:
    """Redraw the weights of all convolutional and linear layers in *layers*, from torch's global generator.

    ``kaiming`` is He et al. 2015 (arXiv:1502.01852) in its fan-out normal form, ``xavier`` is Glorot and Bengio 2010 in
    its uniform form, and ``orthogonal`` is Saxe et al. 2014 (arXiv:1312.6120). Biases are set to 0. ``default`` changes
    nothing. ``zero_head`` is for a head alone and sets it to 0. An untrained head then leaves the features unchanged,
    whereas large random weights damage published features in the first steps (Kolesnikov et al. 2020,
    arXiv:1912.11370).
    """
    if kind == "default":
        return
    for layer in layers:
        for part in layer.modules():
            if not isinstance(part, _LAYERS):
                continue
            if kind == "kaiming":
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
            elif kind == "xavier":
                nn.init.xavier_uniform_(part.weight)
            elif kind == "orthogonal":
                nn.init.orthogonal_(part.weight)
            else:
                nn.init.zeros_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
