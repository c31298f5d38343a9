"""Modern recipes: one-cycle and cosine schedules, EMA, mixing, and published weights."""

from __future__ import annotations

from collections.abc import Iterable

import zoo  # for zoo.Hyperparameters, so that pydantic is imported only when a recipe is used
from zoo import Recipe, hookimpl

# Random crops after padding by an eighth of the side (4 of 32 pixels), and flips, as usual (He et al. 2016).
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
        space={"lr": "log(1e-3, 1)", "weight_decay": "log(1e-6, 1e-2)", "momentum": "uniform(0.5, 0.99)"},
        summary="SGD on a one-cycle schedule for 12 epochs, without augmentation; for a first look and tiny images",
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
        space={"lr": "log(1e-3, 1)", "weight_decay": "log(1e-6, 1e-2)", "momentum": "uniform(0.5, 0.99)"},
        summary="SGD with Nesterov momentum on a one-cycle schedule; good results in few epochs",
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
            # Mild: small networks and short training runs gain from a little of this, and lose from much.
            randaugment_ops=1,
            randaugment_magnitude=0.2,
            mixup_alpha=0.1,
            cutmix_alpha=0.1,
            crop_padding=CROP,
            flip=True,
        ),
        space={
            "lr": "log(1e-4, 2e-2)",
            "weight_decay": "log(1e-3, 1)",
            "label_smoothing": "uniform(0, 0.2)",
            "mixup_alpha": "uniform(0, 0.4)",
        },
        summary="AdamW on a cosine schedule with warm-up, EMA, label smoothing, RandAugment, mixup and CutMix",
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
            # A quarter of the area at least: with the usual 8 %, few epochs see too little of each photograph.
            random_resized_crop=0.25,
            flip=True,
            keep="best",
        ),
        space={
            "lr": "log(1e-4, 1e-2)",
            "weight_decay": "log(1e-3, 1)",
            "backbone_lr_scale": "log(1e-2, 1)",
            "label_smoothing": "uniform(0, 0.2)",
        },
        summary="fine-tuning of published weights: all layers, the backbone at a tenth of the head's learning rate",
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
        space={"lr": "log(1e-4, 1)", "weight_decay": "log(1e-6, 0.3)"},
        summary="linear probing of published weights: frozen backbone, new head",
        source="https://arxiv.org/abs/1610.01644",
    )
