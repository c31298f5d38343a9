"""A trial's tuning: its memory format and compile mode, chosen from a few training steps.

Shape suffixes: B batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from harness.batches.device_images import DeviceImages, batch_sizes
from harness.batches.forward_settings import ForwardSettings
from harness.data.images import TrialImages
from harness.measuring.tuning import TuningRequest, tune
from harness.networks.channels_last import trainable_layout, unsafe_layer
from harness.records.record import Layout, Tuning
from harness.records.spec import TrialSpec
from harness.training.state import TrainingState
from harness.trial.setup import TrainingSetup

TUNING_ENVIRONMENT = ("device_name", "driver", "threads", "torch", "timm", "torchvision")
"""Fields of the environment that the fastest settings depend on."""


def tune_trial(
    spec: TrialSpec,
    setup: TrainingSetup,
    settings: ForwardSettings,
    images: TrialImages,
    environment: dict[str, Any],
    state: TrainingState | None,
    alone: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Tuning:
    """Choose memory format and compile mode; a resumed training keeps those it started with.

    Timing has the device to itself, in *alone*.
    """
    if state is not None:
        # Older states do not record the layout, which was always channels last.
        layout: Layout = state.tree.get("layout", "channels_last")
        how = state.tree.get("compiled", spec.execution.compile)
        return Tuning(
            layout=layout,
            compile=how in ("on", "graphs"),
            graphs=how == "graphs",
            reason="as when the training started",
        )
    hp = setup.resolved.hp
    sizes = batch_sizes(len(images.train), hp.batch_size)
    share = -(-sizes[0] // spec.execution.gpus_per_trial)  # of a batch, on each device
    some = DeviceImages(images.train, settings.device, resident=False)
    images_BCHW, labels_B = next(some.batches(torch.arange(len(images.train))[:share], [share]))
    chosen = trainable_layout(spec.execution.layout, setup.model, settings.device)
    tuning = tune(
        setup.model,
        setup.resolved,
        settings,
        settings.normalizer()(images_BCHW),
        labels_B,
        request=TuningRequest(
            layout=chosen,
            compile=spec.execution.compile if spec.execution.gpus_per_trial == 1 else "off",
            num_steps=hp.epochs * len(sizes),
            identity={
                "architecture": spec.architecture.model_dump(mode="json"),
                "small_images": spec.execution.small_images,
                **{key: environment[key] for key in TUNING_ENVIRONMENT},
            },
        ),
        alone=alone,
    )
    if chosen != spec.execution.layout:
        why = f"contiguous: gradients of layer {unsafe_layer(setup.model)} are wrong in channels-last memory on a CPU"
        tuning = tuning.model_copy(update={"reason": f"{why}; {tuning.reason}"})
    return tuning
