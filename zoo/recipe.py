"""Recipes: how a network is trained, from initial weights to tested ones.

A recipe consists of hyperparameters that the engine understands, and optional functions that replace parts of it. One
with ``fit_head`` does not train the network at all: it fits a head to the features of its frozen backbone.
Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zoo.dependencies import check_dependencies
from zoo.names import check_name
from zoo.preparation import Preparation
from zoo.space import parse_space

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from zoo.features import FeatureSet, Head
    from zoo.hyperparameters import Hyperparameters
    from zoo.training_context import TrainingContext


FUNCTIONS = (
    "prepare",
    "make_optimizer",
    "lr_factor",
    "augment",
    "training_step",
    "on_epoch_start",
    "loss",
    "predict",
    "fit_head",
    "empty_head",
)
"""Names of the fields of a recipe that are optional functions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """A training recipe that can be selected by name.

    All functions are optional; each takes the resolved hyperparameters ``hp`` as its last argument, or finds them in
    its context. ``hp.flip`` is already off if mirrored images of the dataset may not keep their labels.
    """

    name: str
    """Name within its namespace: ``sgd_step``."""
    hyperparameters: Callable[[], Hyperparameters]
    """Returns its hyperparameters, which ``--set recipe.KEY=VALUE`` overrides. It is a function
    (``lambda: Hyperparameters(lr=0.1)``) so that listing recipes imports nothing."""
    summary: str = ""
    """One line that ``zoo list`` shows."""
    source: str = ""
    """Paper or page that describes it."""
    namespace: str = ""
    """First half of its full name; empty: the name of the plugin."""
    short: bool = True
    """Whether it can be selected by ``name`` alone."""
    space: Mapping[str, str] = field(default_factory=dict)
    """Ranges in which ``zoo bench --tune 16`` searches hyperparameters, by name: ``{"lr": "log(1e-3, 1)"}``; for the
    notation see :mod:`zoo.space`."""
    trains: bool = True
    """Whether it trains the network. If not, the published weights are tested as they are, with their own head; of its
    hyperparameters, only ``batch_size`` and ``test_views`` count."""
    preparation: Preparation | None = None
    """How it wants images to be prepared; over what published weights and the architecture state, and below what a user
    sets."""
    prepare: Callable[[nn.Module, Tensor, Any], None] | None = None
    """``(model, images_BCHW, hp)``: initialises the new model in place from up to 5,000 normalised training images."""
    make_optimizer: Callable[..., torch.optim.Optimizer] | None = None
    """``(model, hp)``: returns the optimizer; replaces ``hp.optimizer`` and its settings. It is also told
    ``steps_per_epoch`` if it takes such a keyword. If the optimizer has ``train()`` and ``eval()``, as schedule-free
    ones do, they are called before an epoch's steps and before validation."""
    lr_factor: Callable[[float, Any], float] | None = None
    """``(progress, hp)``: returns the factor of each group's learning rate at *progress* in [0, 1) of all steps;
    replaces ``hp.schedule``. Must be a pure function."""
    augment: Callable[..., Tensor | tuple[Tensor, Tensor]] | None = None
    """``(images_BCHW, generator, hp)``: returns an augmented batch of ``uint8`` images, drawing from *generator*
    only and for each image independently, on the images' device; runs after the augmentations of ``hp``. It is also
    given ``labels_B`` and ``num_classes`` if it takes such keywords, and may return ``(images_BCHW, targets_BK)`` with
    probabilities as targets, but not together with mixup or CutMix."""
    training_step: Callable[[TrainingContext, Tensor, Tensor], Tensor] | None = None
    """``(context, images_BCHW, targets)``: returns the mean loss of a micro-batch as a scalar, for losses that need
    more than logits, or several passes; see :class:`zoo.training_context.TrainingContext`. Replaces the forward pass
    and ``loss``, which the context still offers. No training accuracy is shown."""
    on_epoch_start: Callable[[TrainingContext], None] | None = None
    """``(context)``: called before the steps of each epoch, also of the first one after a resume; what it changes must
    follow from ``context.epoch``."""
    loss: Callable[[Tensor, Tensor, Any], Tensor] | None = None
    """``(logits_BK, targets, hp)``: returns the mean loss as a scalar; targets are class indices ``[B]``, or
    probabilities ``[B, K]`` with mixup or CutMix. Replaces cross-entropy."""
    predict: Callable[[nn.Module, Tensor, Any], Tensor] | None = None
    """``(model, images_BCHW, hp)``: returns the logits ``[B, K]`` for validation and test, for instance with test-time
    augmentation. Must not draw random numbers."""
    fit_head: Callable[[FeatureSet, Any], Head] | None = None
    """``(features, hp)``: returns a head fitted to the features of a frozen backbone, which are computed once and
    cached. It replaces the training; ``hp`` should be a subclass of :class:`zoo.FeatureHyperparameters`."""
    empty_head: Callable[[Mapping[str, tuple[int, ...]], Any], nn.Module] | None = None
    """``(shapes, hp)``: returns a head whose tensors, by name, have these shapes, for saved weights to be loaded into.
    Needed if ``fit_head`` returns anything but a linear layer."""
    preload: tuple[str, ...] = ()
    """Modules that ``fit_head`` imports. Trials share those of torch, torchvision, timm and scikit-learn that zoo knows
    to be safe for that (``sklearn.linear_model``, ``sklearn.discriminant_analysis``), and import others themselves."""
    files: tuple[str, ...] = ()
    """Data files or folders that its code reads, relative to the plugin's file; changed content changes the result
    key."""
    libraries: tuple[str, ...] = ()
    """Distributions that it depends on without importing them itself; another version changes the result key."""

    def __post_init__(self) -> None:
        check_name(self.name, "recipe name")
        if self.namespace:
            check_name(self.namespace, "namespace")
        for what in ("hyperparameters", *FUNCTIONS):
            value = getattr(self, what)
            if not callable(value) and (value is not None or what == "hyperparameters"):
                raise ValueError(f"recipe {self.name!r}: {what} must be callable")
        if self.empty_head is not None and self.fit_head is None:
            raise ValueError(f"recipe {self.name!r}: empty_head rebuilds a head of fit_head, which it does not have")
        trains = [what for what in FUNCTIONS if what not in ("fit_head", "empty_head") and getattr(self, what)]
        if self.fit_head is not None and trains:
            raise ValueError(f"recipe {self.name!r}: fit_head replaces the training, so {trains[0]} is never called")
        parse_space(self.space, f"recipe {self.name!r}")
        check_dependencies(self.files, self.libraries, f"recipe {self.name!r}")
