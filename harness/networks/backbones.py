"""Backbones: networks without their head, whose outputs are features, and networks with a head fitted to features.

Shape suffixes: B batch, C channels, H height, W width, D features, K classes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from harness.faults.errors import TrialError
from harness.networks.heads import find_head
from harness.records.record import FailureKind
from zoo.names import near_names

HEAD, POOLED = "head", "pooled"
"""Layers that features may come from, beside those that a network names."""
Shapes = Mapping[str, tuple[int, ...]]
"""Shapes of a head's tensors, by name."""


class PooledBackbone(nn.Module):
    """A network without its head, which maps images to features ``[B, D]``; maps and tokens are averaged.

    Args:
        headless: The network, whose head passes its inputs on.
        layer: Name of the layer whose outputs are the features; empty: what the head is given.
        width: The D that maps of this layer probably have, by which those with channels last are recognised.
    """

    def __init__(self, headless: nn.Module, layer: str = "", *, width: int = 0) -> None:
        super().__init__()
        self.network = headless
        self._layer, self._width = layer, width

    def forward(self, images_BCHW: Tensor) -> Tensor:
        output = self._output(images_BCHW)
        if not isinstance(output, Tensor) or output.ndim < 2:
            given = f"{list(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
            raise TrialError(FailureKind.PLUGIN, f"without its head, the network returns {given}, not features [B, D]")
        if output.ndim == 2:
            return output
        if output.ndim == 3:  # tokens [B, T, D]; those of no place, such as a class token, are left out of a layer's
            first = _num_prefix_tokens(self.network) if self._layer else 0
            return output[:, first:].mean(dim=1)
        if self._layer and output.shape[1] != self._width == output.shape[-1]:  # maps [B, H, W, D]
            return output.flatten(1, -2).mean(dim=1)
        return output.flatten(2).mean(dim=2)  # maps [B, D, H, W]

    def _output(self, images_BCHW: Tensor) -> object:
        if not self._layer:
            return self.network(images_BCHW)
        seen: list[object] = []
        handle = self.network.get_submodule(self._layer).register_forward_hook(
            lambda module, inputs, output: seen.append(output)
        )
        try:
            self.network(images_BCHW)
        finally:
            handle.remove()
        if not seen:
            raise TrialError(FailureKind.PLUGIN, f"the network does not call its layer {self._layer!r}")
        return seen[-1]


class FittedNetwork(nn.Module):
    """A backbone with a head that was fitted to its features: maps images to logits ``[B, K]``."""

    def __init__(self, backbone: PooledBackbone, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, images_BCHW: Tensor) -> Tensor:
        features_BD = self.backbone(images_BCHW)
        device_type = features_BD.device.type
        if torch.is_autocast_enabled(device_type):
            # The head was fitted in float32, and distances to a bank of features need it.
            with torch.autocast(device_type, enabled=False):
                return self._logits(features_BD.float())
        return self._logits(features_BD)

    def _logits(self, features_BD: Tensor) -> Tensor:
        logits_BK: Tensor = self.head(features_BD)
        return logits_BK


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Backbone:
    """A network whose head has been taken out, and the way back."""

    network: nn.Module
    """The network; where its head was, inputs pass."""
    pooled: PooledBackbone
    """The same, returning features ``[B, D]``."""
    heads: tuple[nn.Module, ...]
    """The head that was taken out, usually a single layer."""
    places: tuple[tuple[nn.Module, str, nn.Module], ...]
    """Parent module, attribute and layer of each place in which it was."""
    layer: str
    """Name of the head in the network, such as ``classifier``."""

    def put_back(self) -> nn.Module:
        """Put the head back and return the network."""
        for parent, name, head in self.places:
            setattr(parent, name, head)
        return self.network


def take_head(model: nn.Module, layer: str = "") -> Backbone:
    """Take the head out of a network, which is changed in place.

    Args:
        layer: Name of the layer whose outputs are the features; empty: what the head is given.

    Raises:
        TrialError: If no head is found (see :func:`harness.networks.heads.find_head`), it is the whole network, or
            there are several on different features.
    """
    heads = find_head(model)
    widths = {head.in_features for head in heads if isinstance(head, nn.Linear)}
    if len(widths) > 1:
        raise TrialError(
            FailureKind.PLUGIN,
            f"{type(model).__name__} has {len(heads)} heads on features of different sizes "
            f"({', '.join(map(str, sorted(widths)))}), which no single head can replace: train it with linear_probe or "
            "finetune",
        )
    places = [
        (parent, name, child, f"{path}.{name}".removeprefix("."))
        for path, parent in model.named_modules()
        for name, child in parent.named_children()
        if any(child is head for head in heads)
    ]
    if not places:
        raise TrialError(FailureKind.PLUGIN, f"{type(model).__name__} is a head without a backbone, so has no features")
    for parent, name, _, _ in places:
        setattr(parent, name, nn.Identity())
    return Backbone(
        network=model,
        pooled=PooledBackbone(model, layer, width=_width_of(heads)),
        heads=heads,
        places=tuple((parent, name, child) for parent, name, child, _ in places),
        layer=f"output of {layer}" if layer else " and ".join(dict.fromkeys(path for *_, path in places)),
    )


def feature_layer(model: nn.Module, asked: str, images_BCHW: Tensor) -> str:
    """Return the name of the layer whose outputs are the features; empty for what the head is given.

    Args:
        model: A network with its head.
        asked: ``head``; ``pooled`` for the last layer before the head whose output has more than one place, a map or
            tokens; or the name of a layer.
        images_BCHW: A few normalised images on the network's device.

    Raises:
        TrialError: If there is no such layer.
    """
    if asked == HEAD:
        return ""
    if asked != POOLED:
        if problem := missing_layer(model, asked):
            raise TrialError(FailureKind.PLUGIN, problem)
        return asked
    heads = find_head(model)
    found: list[tuple[str, bool]] = []
    reached: list[bool] = []

    def note(name: str, output: object) -> None:
        if not reached and isinstance(output, Tensor) and output.ndim in (3, 4):
            places = output.shape[1] if output.ndim == 3 else math.prod(output.shape) // (len(output) * output.shape[1])
            found.append((name, places > 1))

    handles = [head.register_forward_pre_hook(lambda module, inputs: reached.append(True)) for head in heads]
    for name, module in model.named_modules():
        if name:
            handles.append(module.register_forward_hook(lambda module, inputs, output, name=name: note(name, output)))
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            model(images_BCHW)
    finally:
        model.train(was_training)
        for handle in handles:
            handle.remove()
    if not found:
        raise TrialError(
            FailureKind.PLUGIN, f"{type(model).__name__} has no layer with maps or tokens before its head, to be pooled"
        )
    return next((name for name, has_places in reversed(found) if has_places), found[-1][0])


def missing_layer(model: nn.Module, asked: str) -> str:
    """Return a sentence that names others if a network has no layer of that name; else nothing."""
    names = [name for name, _ in model.named_modules() if name]
    if asked in names:
        return ""
    near = ", ".join(near_names(asked, names)) or ", ".join(name for name, _ in model.named_children())
    return f"{type(model).__name__} has no layer {asked!r}; expected {HEAD}, {POOLED} or a layer such as {near}"


def _width_of(heads: tuple[nn.Module, ...]) -> int:
    return next((head.in_features for head in heads if isinstance(head, nn.Linear)), 0)


def _num_prefix_tokens(network: nn.Module) -> int:
    """Return how many tokens come before those of places, as timm and torchvision have them."""
    return int(getattr(network, "num_prefix_tokens", 1 if hasattr(network, "class_token") else 0))


def hash_of_weights(model: nn.Module, *, without: tuple[nn.Module, ...] = ()) -> str:
    """Return the SHA-256 over the names, types, shapes and values of a network's tensors.

    Args:
        without: Modules whose tensors do not count, such as a new head.
    """
    skipped = {id(value) for module in without for value in module.state_dict(keep_vars=True).values()}
    digest = hashlib.sha256()
    for name, value in model.state_dict(keep_vars=True).items():
        if isinstance(value, Tensor) and id(value) not in skipped:
            digest.update(f"{name} {value.dtype} {list(value.shape)}\n".encode())
            flat = value.detach().cpu().contiguous().reshape(-1)
            digest.update(flat.view(torch.uint8).numpy().data if flat.numel() else b"")
    return digest.hexdigest()


def takes_linear_head(model: nn.Module, images_BCHW: Tensor, num_classes: int) -> bool:
    """Return whether the logits of a network are its features times its head's weights, plus a bias.

    If so, weights that are fitted to features can be put into the network's own head. It is not so where something
    follows the head, such as the ReLU in SqueezeNet. The head's weights are changed, and those of the rest are not.

    Args:
        images_BCHW: A few normalised images on the network's device.
    """
    heads = find_head(model)
    if not all(_is_linear(head, num_classes) for head in heads):
        return False
    widths = {weight.shape[1] for head in heads for name, weight in head.named_parameters() if name == "weight"}
    if len(widths) != 1:
        return False
    (width,) = widths
    generator = torch.Generator().manual_seed(0)
    weight_KD = torch.randn(num_classes, width, generator=generator) / width**0.5
    bias_K = torch.randn(num_classes, generator=generator)
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            fill_heads(heads, weight_KD, bias_K)
            logits_BK = model(images_BCHW)
            backbone = take_head(model)
            try:
                features_BD = backbone.pooled(images_BCHW)
            finally:
                backbone.put_back()
            if features_BD.shape[1] != width:
                return False
            expected_BK = features_BD @ weight_KD.to(features_BD).T + bias_K.to(features_BD)
            scale = float(expected_BK.abs().max())
            return bool((logits_BK - expected_BK).abs().max() <= 1e-3 * max(scale, 1e-6))
    finally:
        model.train(was_training)


def fill_heads(heads: tuple[nn.Module, ...], weight_KD: Tensor, bias_K: Tensor) -> None:
    """Put weights and biases into linear heads, each of which gets the same."""
    with torch.no_grad():
        for head in heads:
            assert isinstance(head, (nn.Linear, nn.Conv2d)), "others were refused"
            assert head.bias is not None
            head.weight.copy_(weight_KD.reshape(head.weight.shape))
            head.bias.copy_(bias_K)


def with_fitted_head(backbone: Backbone, head: nn.Module, *, own: bool) -> nn.Module:
    """Return one network of a backbone and a fitted head.

    Args:
        head: Maps features ``[B, D]`` to logits ``[B, K]``.
        own: Whether the weights of a linear head go into the network's own head (see :func:`takes_linear_head`), so
            that the network is the one that its architecture builds.
    """
    if own and type(head) is nn.Linear:
        fill_heads(backbone.heads, head.weight, head.bias)
        return backbone.put_back()
    return FittedNetwork(backbone.pooled, head)


def empty_fitted(
    model: nn.Module,
    tensors: Mapping[str, Tensor],
    empty_head: Callable[[Shapes], nn.Module] | None,
    *,
    layer: str = "",
) -> FittedNetwork:
    """Return a network as :func:`with_fitted_head` made it, to be filled with *tensors*.

    Args:
        model: As its architecture builds it; changed in place.
        tensors: Those of the whole network, by name.
        empty_head: Makes a head whose tensors have given shapes; None: it is a linear layer.
        layer: Name of the layer whose outputs are the features; empty: what the head is given.
    """
    shapes = {
        name.removeprefix("head."): tuple(value.shape) for name, value in tensors.items() if name.startswith("head.")
    }
    if empty_head is not None and set(shapes) != {"weight", "bias"}:
        head = empty_head(shapes)
    else:
        num_classes, num_features = shapes["weight"]
        head = nn.Linear(num_features, num_classes)
    return FittedNetwork(take_head(model, layer).pooled, head)


def _is_linear(head: nn.Module, num_classes: int) -> bool:
    if isinstance(head, nn.Linear):
        return head.out_features == num_classes and head.bias is not None
    if isinstance(head, nn.Conv2d):
        return (
            head.out_channels == num_classes
            and head.bias is not None
            and head.kernel_size == (1, 1)
            and head.groups == 1
        )
    return False
