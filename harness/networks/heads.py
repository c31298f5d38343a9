"""Heads: the last layers of a network, which are new when the rest has published weights."""

from __future__ import annotations

from torch import nn

from harness.faults.errors import TrialError
from harness.records.record import FailureKind

_HEAD_ATTRIBUTES = ("fc", "classifier", "head", "heads")
"""Usual names of the head, in torchvision and elsewhere."""

_LAYERS = (nn.Linear, nn.Conv2d)


def find_head(model: nn.Module) -> tuple[nn.Module, ...]:
    """Return the layers that turn features into logits, usually a single one.

    The search order is: the result of timm's ``get_classifier()``; the last linear or convolutional layer within
    ``fc``, ``classifier``, ``head`` or ``heads``; the last linear layer of the network.

    Raises:
        TrialError: If the network has none of these.
    """
    get_classifier = getattr(model, "get_classifier", None)
    if callable(get_classifier):
        found = get_classifier()
        heads = found if isinstance(found, (tuple, list, nn.ModuleList)) else (found,)
        with_weights = tuple(head for head in heads if isinstance(head, nn.Module) and list(head.parameters()))
        if with_weights:
            return with_weights
    for attribute in _HEAD_ATTRIBUTES:
        part = getattr(model, attribute, None)
        if isinstance(part, nn.Module):
            layers = [layer for layer in part.modules() if isinstance(layer, _LAYERS)]
            if layers:
                return (layers[-1],)
    linear = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    if linear:
        return (linear[-1],)
    raise TrialError(
        FailureKind.PLUGIN, f"{type(model).__name__} has no linear layer that could be its head, which the recipe needs"
    )


def freeze_all_but(model: nn.Module, head: tuple[nn.Module, ...]) -> None:
    """Freeze all parameters except the head's."""
    model.requires_grad_(False)
    for layer in head:
        layer.requires_grad_(True)


def set_train_mode(model: nn.Module, frozen_but: tuple[nn.Module, ...] | None) -> None:
    """Put a model into train mode, or only its *frozen_but* layers.

    A frozen backbone stays in eval mode as a whole: its batch normalisation keeps the published statistics, and
    dropout does not perturb features that cannot adapt to it.
    """
    model.train(frozen_but is None)
    for layer in frozen_but or ():
        layer.train()
