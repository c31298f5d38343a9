"""Distillation: a network learns from the logits of a trained one (Hinton et al., arXiv:1503.02531).

    zoo bench --plugin examples/recipes/distillation.py --models lenet5 --recipes distilled --data digits \
        --set recipe.teacher=trial:runs/timm-resnet18--digits--sgd_quick--s0--…

The teacher is ``trial:FOLDER``, a file written by ``zoo export``, or the name of a model with published weights whose
classes are those of the dataset. The digest of its weights is a hyperparameter, so another teacher is another result.

Shape suffixes: B batch, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

import zoo
from zoo import Hyperparameters, Recipe, hookimpl

if TYPE_CHECKING:
    from torch import Tensor, nn

    from zoo import TrainingContext


class DistillationHyperparameters(Hyperparameters):
    """Settings of SGD, the teacher, and how much it counts."""

    teacher: str = Field(default="", description="trial:FOLDER, an exported file, or a model with published weights")
    teacher_digest: str = Field(default="", description="SHA-256 of the teacher's file; filled in")
    temperature: float = Field(default=4.0, gt=0, description="temperature of both softmaxes")
    alpha: float = Field(default=0.9, ge=0, le=1, description="share of the teacher in the loss")

    @model_validator(mode="after")
    def _fill_digest(self) -> DistillationHyperparameters:
        path = file_of(self.teacher)
        if path is None or not path.is_file():  # told when a step looks for it; listing recipes needs no teacher
            return self
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if self.teacher_digest not in ("", digest):
            raise ValueError(f"the weights in {path} are others than those that this training began with")
        object.__setattr__(self, "teacher_digest", digest)  # the model is frozen
        return self


def file_of(teacher: str) -> Path | None:
    """Return the file with the weights of a teacher; None for published ones."""
    if teacher.startswith("trial:"):
        return Path(teacher.removeprefix("trial:")).absolute() / "checkpoint.safetensors"
    return Path(teacher).absolute() if teacher.endswith((".safetensors", ".onnx")) else None


def training_step(context: TrainingContext, images_BCHW: Tensor, targets: Tensor) -> Tensor:
    """Return the loss on labels, and on the teacher's softened probabilities times the temperature squared."""
    import torch
    from torch.nn import functional

    if "teacher" not in context.cache:
        context.cache["teacher"] = load_teacher(context, images_BCHW)
    temperature = context.hp.temperature
    with torch.no_grad(), context.autocast():
        expected_BK = (context.cache["teacher"](images_BCHW).float() / temperature).softmax(dim=1)
    logits_BK = context.logits(images_BCHW)
    soft = functional.kl_div((logits_BK / temperature).log_softmax(dim=1), expected_BK, reduction="batchmean")
    hard = context.loss(logits_BK, targets)
    return context.hp.alpha * temperature**2 * soft + (1 - context.hp.alpha) * hard


def load_teacher(context: TrainingContext, images_BCHW: Tensor) -> nn.Module:
    """Return the teacher as a module that takes the student's images."""
    import torch

    name = context.hp.teacher
    if not name:
        raise zoo.errors.UsageError("recipe.teacher is not set: give trial:FOLDER or the name of a model")
    path = file_of(name)
    if path is None:
        channels, size = images_BCHW.shape[1], images_BCHW.shape[2]
        shape = {"num_classes": context.num_classes, "in_channels": channels, "image_size": size}
        return zoo.create_model(name, pretrained=True, **shape).eval().to(context.device)
    classifier = zoo.load_classifier(
        path.parent if path.name.startswith("checkpoint") else path, device=str(context.device)
    )
    card = classifier.card

    class Renormalised(torch.nn.Module):
        """The teacher, on images that are normalised as the student takes them."""

        def __init__(self) -> None:
            super().__init__()
            self.classifier = classifier
            for key, values in (("scale", zip(context.std, card.std)), ("shift", zip(context.mean, card.mean))):
                pairs = list(values)
                stds = card.std
                made = [a / b for a, b in pairs] if key == "scale" else [(a - b) / s for (a, b), s in zip(pairs, stds)]
                self.register_buffer(key, torch.tensor(made, device=context.device).view(1, -1, 1, 1))

        def forward(self, images_BCHW: Tensor) -> Tensor:
            return self.classifier(images_BCHW * self.scale + self.shift)

    return Renormalised().eval()


@hookimpl
def zoo_recipes() -> Iterator[Recipe]:
    """Yield ``distilled``."""
    yield Recipe(
        name="distilled",
        hyperparameters=lambda: DistillationHyperparameters(epochs=15, lr=0.05, schedule="onecycle"),
        summary="SGD on the softened predictions of a trained network",
        source="https://arxiv.org/abs/1503.02531",
        training_step=training_step,
    )
