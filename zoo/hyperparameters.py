"""Hyperparameters: all settings of a recipe, flat, typed and validated, so that each can be overridden.

A plugin's recipe with additional settings subclasses :class:`Hyperparameters`; the command line, suite files and
records then support them automatically.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from zoo.errors import ManyErrors, UnknownNameError, UsageError
from zoo.names import near_names
from zoo.optimizers import check_optimizer


class Hyperparameters(BaseModel):
    """Settings of a training run. By default optional features are off, and a recipe turns them on."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    # Length
    epochs: int = Field(default=30, ge=1, le=100_000, description="passes over the training images")
    batch_size: int = Field(default=128, ge=1, description="images per optimizer step")
    accumulate_steps: int = Field(
        default=1, ge=1, description="micro-batches that a batch is split into to save memory"
    )

    # Optimizer
    optimizer: str = Field(
        default="sgd", description="update rule: sgd, adam, adamw, rmsprop, or one of timm's, such as timm/lamb"
    )
    lr: float = Field(default=0.01, gt=0, description="peak learning rate")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="momentum of sgd, rmsprop and timm's optimizers")
    nesterov: bool = Field(default=False, description="Nesterov momentum, for sgd")
    beta1: float = Field(default=0.9, ge=0, lt=1, description="decay of the first moment, for adam and adamw")
    beta2: float = Field(default=0.999, ge=0, lt=1, description="decay of the second moment, for adam and adamw")
    weight_decay: float = Field(
        default=0.0, ge=0, description="L2 penalty (sgd, adam, rmsprop) or decoupled decay (adamw, most of timm's)"
    )
    decay_norm_and_bias: bool = Field(
        default=True, description="whether weight decay applies to biases and normalisation layers"
    )
    backbone_lr_scale: float = Field(
        default=1.0, ge=0, description="learning rate of all layers but the head, relative to lr"
    )
    layer_decay: float = Field(
        default=1.0, gt=0, le=1, description="learning rate of each layer relative to the layer after it; 1 disables it"
    )

    # Schedule
    schedule: Literal["constant", "step", "plateau", "onecycle", "cosine"] = Field(
        default="constant", description="learning rate schedule"
    )
    step_epochs: int = Field(default=10, ge=1, description="epochs between drops, for step")
    gamma: float = Field(default=0.5, gt=0, le=1, description="factor of each drop, for step")
    plateau_patience: int = Field(
        default=3, ge=0, description="epochs without lower validation loss before a drop, for plateau"
    )
    plateau_factor: float = Field(default=0.1, gt=0, lt=1, description="factor of each drop, for plateau")
    warmup_epochs: float = Field(
        default=0.0, ge=0, description="epochs of linear warm-up, for constant, step and cosine"
    )
    onecycle_rise: float = Field(default=0.3, gt=0, lt=1, description="share of all steps spent rising, for onecycle")
    final_lr_scale: float = Field(
        default=0.0, ge=0, le=1, description="last learning rate relative to lr, for onecycle and cosine"
    )

    # Loss
    label_smoothing: float = Field(default=0.0, ge=0, lt=1, description="probability mass spread over all classes")
    class_weights: Literal["none", "balanced"] = Field(
        default="none", description="class weights in the loss: balanced weights each class by its inverse frequency"
    )
    sampling: Literal["shuffle", "balanced"] = Field(
        default="shuffle",
        description="sampling of training images: balanced draws all classes equally often, with replacement",
    )

    # Augmentation; sizes are fractions of the image side, so that a recipe fits any resolution
    crop_padding: float = Field(
        default=0.0, ge=0, le=0.5, description="random crop after reflect padding by this share of the side"
    )
    flip: bool = Field(default=False, description="random horizontal flip, if the dataset allows it")
    flip_mode: Literal["random", "alternating"] = Field(
        default="random", description="alternating flips each image in every other epoch instead of at random"
    )
    random_resized_crop: float = Field(
        default=1.0, gt=0, le=1, description="smallest area share of a random resized crop; 1 disables it"
    )
    progressive_resizing: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="side of training images in the first epoch relative to the full side, reached after two thirds of "
        "the epochs; 1 disables it",
    )
    cutout: float = Field(default=0.0, ge=0, lt=1, description="side of an erased square, as a share of the image side")
    random_erasing: float = Field(
        default=0.0, ge=0, le=1, description="probability of an erased rectangle of 2 to 33 % of the area"
    )
    color_jitter: float = Field(
        default=0.0, ge=0, le=1, description="strength of brightness, contrast and saturation jitter"
    )
    hue_jitter: float = Field(default=0.0, ge=0, le=0.5, description="largest change of hue, in turns of the circle")
    randaugment_ops: int = Field(default=0, ge=0, le=8, description="RandAugment: operations per image; 0 disables it")
    randaugment_magnitude: float = Field(default=0.3, ge=0, le=1, description="RandAugment: strength")
    trivialaugment: bool = Field(default=False, description="TrivialAugment: one operation of random strength")
    mixup_alpha: float = Field(default=0.0, ge=0, description="mixup: Beta(alpha, alpha); 0 disables it")
    cutmix_alpha: float = Field(default=0.0, ge=0, description="CutMix: Beta(alpha, alpha); 0 disables it")

    # Regularisation and averaging
    clip_norm: float = Field(default=0.0, ge=0, description="largest gradient norm; 0 disables clipping")
    ema_decay: float = Field(
        default=0.0, ge=0, lt=1, description="decay per step of averaged weights, which are then evaluated"
    )

    # Choosing the weights that are tested; only ever by the validation split
    keep: Literal["last", "best"] = Field(
        default="last", description="test the weights of the last epoch or of the best one"
    )
    monitor: Literal["val_loss", "val_accuracy"] = Field(
        default="val_accuracy", description="quantity that selects the best epoch and stops training early"
    )
    early_stopping_patience: int = Field(
        default=0, ge=0, description="epochs without improvement before training stops early; 0 disables it"
    )

    # Prediction
    test_views: Literal["one", "flip", "crops", "flip_crops"] = Field(
        default="one",
        description="views of each validation and test image whose probabilities are averaged: flip adds its mirror "
        "image, crops its four corners and its centre, enlarged; flip_crops both",
    )

    # Start
    pretrained: bool = Field(default=False, description="start from published weights")
    freeze_backbone: bool = Field(default=False, description="train the head only")
    init: Literal["default", "kaiming", "xavier", "orthogonal", "zero_head"] = Field(
        default="default",
        description="initial weights of convolutions and linear layers; default keeps the architecture's own, "
        "zero_head all but the head's, which become 0",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_truth_for_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        # Pydantic would read epochs=true as one epoch.
        if isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation in (int, float):
            raise ValueError("input should be a number")
        return value

    @field_validator("optimizer")
    @classmethod
    def _check_optimizer(cls, name: str) -> str:
        check_optimizer(name)
        return name

    def without_mirroring(self) -> Self:
        """Return a copy for images that may not be mirrored."""
        unmirrored = {"flip": "one", "flip_crops": "crops"}
        return self.model_copy(update={"flip": False, "test_views": unmirrored.get(self.test_views, self.test_views)})

    def with_overrides(self, given: Mapping[str, Any], *, owner: str = "recipe") -> Self:
        """Return a copy with the values of *given*.

        Raises:
            UsageError: For unknown keys and invalid values, all reported together.
        """
        errors: list[UsageError] = []
        fields = type(self).model_fields
        known = {}
        for key, value in given.items():
            if key in fields:
                # The command-line words none and true were parsed as values; this turns them back into text.
                is_word = isinstance(fields[key].default, str) and (value is None or isinstance(value, bool))
                known[key] = str(value).lower() if is_word else value
            else:
                errors.append(
                    UnknownNameError(
                        f"hyperparameter of {owner}", key, near=near_names(key, fields), hint=f"(zoo show {owner})"
                    )
                )
        try:
            changed = type(self).model_validate({**self.model_dump(), **known})
        except ValidationError as error:
            for each in error.errors():
                message = each["msg"].removeprefix("Value error, ").lower()
                key = ".".join(str(part) for part in each["loc"])
                # A subclass may validate several fields together, which has no single key.
                errors.append(
                    UsageError(f"{owner}.{key} = {each['input']!r}: {message}" if key else f"{owner}: {message}")
                )
            raise_from: Exception | None = error
        else:
            if not errors:
                return changed
            raise_from = None
        try:
            ManyErrors.raise_if(errors)
        except UsageError as usage_error:
            raise usage_error from raise_from
        raise AssertionError("unreachable: there was at least one error")


class FeatureHyperparameters(Hyperparameters):
    """Settings of a recipe that fits a head to the features of a frozen backbone; those of training are not used."""

    epochs: int = Field(default=1, ge=1, description="passes over the training images: one, for their features")
    pretrained: bool = Field(default=True, description="start from published weights")
    layer: str = Field(
        default="head",
        description="where features come from: head, what the classifier is given; pooled, the last map or tokens "
        "before it, averaged; or the output of a layer by its name, averaged",
    )
    views: int = Field(
        default=1,
        ge=1,
        le=64,
        description="views of each training image that the head is fitted to: the image itself, and cropped and "
        "mirrored copies, the same for every seed",
    )
    train_per_class: int = Field(
        default=0,
        ge=0,
        description="number of training images per class to fit the head to, drawn by the seed; 0 means all",
    )
