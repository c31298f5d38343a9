"""Saliency maps: which regions of an image raise the logit of a class.

The features of the last layer with spatial positions are multiplied by the gradient of the class logit with respect to
them, and summed over channels; negative values are set to zero. This is HiResCAM (Draelos and Carin, "Use HiResCAM
instead of Grad-CAM for faithful explanations of convolutional neural networks", 2020). In a network that ends with mean
pooling and a linear layer it is Grad-CAM (Selvaraju et al., 2017); in one that flattens its features, Grad-CAM would
average over all positions. Shape suffixes: H height, W width, C channels, B batch, K classes, T tokens.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from harness.batches.normalization import Normalizer
from harness.classifiers.predicting import ImagePrediction, Predictor
from harness.training.evaluation import eval_mode
from zoo.errors import UsageError

_POOLS = (
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
    nn.AvgPool2d,
    nn.FractionalMaxPool2d,
    nn.LPPool2d,
    nn.MaxPool2d,
)
_MOST_PREFIX_TOKENS = 5
"""Non-spatial tokens: a class token, a distillation token, a few registers."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SaliencyExplanation:
    """Saliency maps for the most probable classes of one image."""

    classes: tuple[tuple[int, float], ...]
    """Index and probability of each class, the most probable first."""
    maps_KHW: NDArray[np.float32]
    """Saliency map per class in [0, 1], each scaled to its maximum; all 0 if nothing raises the logit."""
    layer: str
    """Name of the layer whose features were used."""
    num_places: tuple[int, int]
    """Rows and columns of its feature map."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layer:
    """A layer whose output has spatial positions."""

    name: str
    module: nn.Module
    call: int
    """Index of the call within one forward pass, from 0, as modules such as activations may be called several times."""
    to_places: Callable[[Tensor], Tensor]
    """Reshapes its output to ``[B, C, H, W]``."""


def explain(predictor: Predictor, image_HWC: NDArray[np.uint8], *, top_k: int = 1) -> SaliencyExplanation:
    """Explain the *top_k* most probable classes of a decoded image.

    Probabilities are those of :mod:`harness.classifiers.predicting`. Features come from the original image, even if the
    recipe predicts from several views of it.

    Raises:
        UsageError: If no layer of the network has spatial positions.
        TrialError: If the network fails.
    """
    logits_K = predictor.logits(image_HWC[None])[0]
    classes = tuple(ImagePrediction(name="", logits_K=logits_K).top(top_k))
    model, card = predictor.classifier.model, predictor.classifier.card
    images_BCHW = torch.from_numpy(np.ascontiguousarray(image_HWC)).permute(2, 0, 1)[None].to(predictor.device)
    inputs_BCHW = Normalizer(card, predictor.device)(images_BCHW).float()
    indices = [index for index, _ in classes]
    for layer in reversed(layers_with_places(model, inputs_BCHW)):
        maps = _maps(model, inputs_BCHW, layer, indices)
        if maps is not None:
            return SaliencyExplanation(
                classes=classes,
                maps_KHW=_scaled(maps, image_HWC.shape[:2]),
                layer=layer.name,
                num_places=(maps.shape[1], maps.shape[2]),
            )
    raise UsageError(
        f"{card.architecture.display_name} has no layer with spatial features, so there is no saliency map"
    )


def layers_with_places(model: nn.Module, inputs_BCHW: Tensor) -> list[_Layer]:
    """Return the layers whose output has spatial positions, in the order of their calls.

    These are square feature maps ``[B, C, H, W]`` or ``[B, H, W, C]`` with several positions, and normalised tokens
    ``[B, T, C]`` of which all but the first few form a square grid. Pooled maps are excluded, because they are coarser
    than their input.
    """
    found: list[_Layer] = []
    pooled: list[Tensor] = []
    calls: Counter[nn.Module] = Counter()

    def look(name: str, module: nn.Module, output: object) -> None:
        calls[module] += 1
        if not isinstance(output, Tensor) or not output.is_floating_point() or len(output) != len(inputs_BCHW):
            return
        if isinstance(module, _POOLS):
            pooled.append(output)
        if any(output is each for each in pooled):  # of a container that ends with the pooling, too
            return
        to_places = _to_places(module, output)
        if to_places is not None:
            call = calls[module] - 1
            found.append(_Layer(name=name or type(module).__name__, module=module, call=call, to_places=to_places))

    handles = [
        module.register_forward_hook(lambda module, _, output, name=name: look(name, module, output))
        for name, module in model.named_modules()
    ]
    try:
        with eval_mode(model), torch.no_grad():
            model(inputs_BCHW)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _to_places(module: nn.Module, output: Tensor) -> Callable[[Tensor], Tensor] | None:
    if output.ndim == 4:
        _, second, third, last = output.shape
        if third == last and third > 1:
            return lambda output: output
        if second == third and second > 1:
            return lambda output: output.permute(0, 3, 1, 2)
    elif output.ndim == 3 and "Norm" in type(module).__name__:
        tokens = output.shape[1]
        for prefix in range(_MOST_PREFIX_TOKENS + 1):
            side = math.isqrt(max(tokens - prefix, 0))
            if side > 1 and side * side == tokens - prefix:
                return lambda output: output[:, prefix:].transpose(1, 2).unflatten(2, (side, side))
    return None


def _maps(model: nn.Module, inputs_BCHW: Tensor, layer: _Layer, classes: list[int]) -> Tensor | None:
    """Return ``[K, H, W]``, or None if no position has a gradient, as when only the class token is used afterwards."""
    with _leaf_at(layer) as leaves, eval_mode(model), torch.enable_grad():
        logits_K = model(inputs_BCHW)[0]
        (leaf,) = leaves
        features = layer.to_places(leaf.detach())[0]
        maps = []
        reached = False
        for index in classes:
            # The gradient is 0 everywhere if the logit does not depend on the features, such as those of a side branch.
            (gradient,) = torch.autograd.grad(
                logits_K[index], leaf, retain_graph=True, allow_unused=True, materialize_grads=True
            )
            gradient_CHW = layer.to_places(gradient)[0]
            reached |= bool(gradient_CHW.any())
            maps.append((gradient_CHW * features).sum(dim=0).relu())
    return torch.stack(maps) if reached else None


@contextmanager
def _leaf_at(layer: _Layer) -> Iterator[list[Tensor]]:
    """Cut the graph after *layer*, and yield a list that receives its output as a leaf of the remaining graph."""
    leaves: list[Tensor] = []
    call = -1

    def cut(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor | None:
        nonlocal call
        call += 1
        if call != layer.call:
            return None
        leaves.append(output.detach().requires_grad_())
        return leaves[-1].clone()  # later layers may change it in place, which a leaf does not allow

    handle = layer.module.register_forward_hook(cut)
    try:
        yield leaves
    finally:
        handle.remove()


def _scaled(maps_KHW: Tensor, size: tuple[int, ...]) -> NDArray[np.float32]:
    """Resize maps to the size of the image, and scale each to a maximum of 1."""
    maps = functional.interpolate(maps_KHW[None].float(), size=size, mode="bilinear", align_corners=False)[0]
    highest = maps.amax(dim=(1, 2), keepdim=True)
    scaled: NDArray[np.float32] = torch.where(highest > 0, maps / highest.clamp_min(1e-30), 0.0).cpu().numpy()
    return scaled
