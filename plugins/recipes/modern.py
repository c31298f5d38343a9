"""Modern recipes: schedules over the whole training, averaged weights, mixed images, and published weights."""

from __future__ import annotations

from collections.abc import Iterable

import zoo  # Hyperparameters by way of it: pydantic is imported when a recipe is used, not when it is listed
from zoo import Recipe, hookimpl

# Crop by an eighth of the side (4 pixels of 32) and flip are the usual augmentation of small images (He et al. 2016).
CROP = 0.125


@hookimpl
def zoo_recipes() -> Iterable[Recipe]:
    yield Recipe(
        name="sgd_quick",
        hyperparameters=lambda: zoo.Hyperparameters(
            epochs=12,
            batch_size=32,
            optimizer="sgd",
            lr=0.05,
            momentum=0.9,
            nesterov=True,
            weight_decay=5e-4,
            decay_norm_and_bias=False,
            schedule="onecycle",
        ),
        summary="twelve epochs of SGD on one cycle, images as they are: for a first look, and for tiny images",
        source="https://arxiv.org/abs/1708.07120",
    )
    yield Recipe(
        name="sgd_onecycle",
        hyperparameters=lambda: zoo.Hyperparameters(
            epochs=15,
            batch_size=64,
            optimizer="sgd",
            lr=0.05,
            momentum=0.9,
            nesterov=True,
            weight_decay=5e-4,
            decay_norm_and_bias=False,
            schedule="onecycle",
            crop_padding=CROP,
            flip=True,
        ),
        summary="SGD with Nesterov momentum, one rise and fall of the rate: good results in few epochs",
        source="https://arxiv.org/abs/1708.07120",
    )
    yield Recipe(
        name="adamw_cosine",
        hyperparameters=lambda: zoo.Hyperparameters(
            epochs=20,
            batch_size=64,
            optimizer="adamw",
            lr=2e-3,
            weight_decay=0.05,
            decay_norm_and_bias=False,
            schedule="cosine",
            warmup_epochs=2,
            label_smoothing=0.1,
            ema_decay=0.999,
            # Mild: small networks and short trainings gain from little of this and lose from much.
            randaugment_ops=1,
            randaugment_magnitude=0.2,
            mixup_alpha=0.1,
            cutmix_alpha=0.1,
            crop_padding=CROP,
            flip=True,
        ),
        summary="AdamW on a cosine with warm-up, averaged weights, smoothed labels, RandAugment, mixup and CutMix",
        source="https://arxiv.org/abs/2110.00476",
    )
    yield Recipe(
        name="finetune",
        hyperparameters=lambda: zoo.Hyperparameters(
            epochs=10,
            batch_size=64,
            pretrained=True,
            init="zero_head",
            optimizer="adamw",
            lr=1e-3,
            backbone_lr_scale=0.1,
            weight_decay=0.05,
            decay_norm_and_bias=False,
            schedule="cosine",
            warmup_epochs=1,
            label_smoothing=0.1,
            clip_norm=1.0,
            crop_padding=CROP,
            flip=True,
            keep="best",
        ),
        summary="published weights, all layers trained, the backbone at a tenth of the head's rate",
        source="https://arxiv.org/abs/1411.1792",
    )
    yield Recipe(
        name="linear_probe",
        hyperparameters=lambda: zoo.Hyperparameters(
            epochs=10,
            batch_size=64,
            pretrained=True,
            freeze_backbone=True,
            init="zero_head",
            optimizer="adamw",
            lr=1e-2,
            weight_decay=0.0,
            schedule="cosine",
            crop_padding=CROP,
            flip=True,
        ),
        summary="published weights kept as they are, a new head on top",
        source="https://arxiv.org/abs/1610.01644",
    )
