"""Scenarios that train on the CPU and on the pretend accelerator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pretend
import torch
from toy_training import ACCELERATOR, CPU, DEVICE, EVERYTHING, difference, make_data, network, trained

from harness.batches import device_images
from harness.batches.forward_settings import ForwardSettings
from harness.data.images import PreparedData, TrialImages
from harness.training.resolved_recipe import ResolvedRecipe
from harness.training.seeds.loop import SeedHooks, SeedRun, train_seeds
from zoo import Hyperparameters, Recipe


def training(name: str, data: PreparedData, **hp: Any) -> dict[str, Any]:
    """Train on both devices, and look at the counts before each step of the other."""
    expected, on_cpu = trained(name, data, CPU, **hp)
    seen: list[dict[str, int]] = []

    def on_step() -> float:
        seen.append(dict(ACCELERATOR.counts))
        return 0.0

    ACCELERATOR.reset_counts()
    model, result = trained(name, data, DEVICE, on_step=on_step, **hp)
    counts = dict(ACCELERATOR.counts)
    return {
        "difference": difference(expected, model),
        "loss": [on_cpu.final_train_loss, result.final_train_loss],
        "counts": counts,
        "before_steps": seen,
        "resident_bytes": result.resident_bytes,
        "micro_batch_size": [on_cpu.micro_batch_size, result.micro_batch_size],
    }


def lenet_training(folder: Path) -> dict[str, Any]:
    return training("lenet5", make_data(folder, size=32, channels=1))


def resnet_training(folder: Path) -> dict[str, Any]:
    return training("resnet20_cifar", make_data(folder))


def plain_training(folder: Path) -> dict[str, Any]:
    """Train without mixing, so that correct predictions are counted, with each optimizer's parts and sampling."""
    return training(
        "lenet5",
        make_data(folder, size=32, channels=1),
        mixup_alpha=0.0,
        cutmix_alpha=0.0,
        optimizer="adamw",
        sampling="balanced",
        class_weights="balanced",
        keep="best",
    )


def streamed_training(folder: Path) -> dict[str, Any]:
    """Train on a device with no room for images."""
    room, device_images.room_for_images = device_images.room_for_images, lambda *ignored: 0
    try:
        return training("lenet5", make_data(folder, size=32, channels=1))
    finally:
        device_images.room_for_images = room


def out_of_memory(folder: Path) -> dict[str, Any]:
    """Fail at one allocation of the first step, forwards, and compare with halves from the start.

    Torch ends the process on any error in the backward pass of a device in Python: tests/harness/training has it.
    """
    data = make_data(folder, size=32, channels=1)
    plain = {"mixup_alpha": 0.0, "cutmix_alpha": 0.0, "clip_norm": 0.0}
    expected, _ = trained("lenet5", data, CPU, accumulate_steps=2, **plain)

    def at_first_step(after: int) -> Callable[[], float]:
        steps: list[int] = []

        def on_step() -> float:
            steps.append(ACCELERATOR.allocations)
            if len(steps) == 1:
                ACCELERATOR.fail_at = ACCELERATOR.allocations + after
            return 0.0

        return on_step

    found: dict[str, Any] = {"difference": [], "micro_batch_sizes": [], "emptied": []}
    for after in (4, 10):
        ACCELERATOR.reset_counts()
        try:
            model, result = trained("lenet5", data, DEVICE, on_step=at_first_step(after), **plain)
        finally:
            ACCELERATOR.fail_at = None
        found["difference"].append(difference(expected, model))
        found["micro_batch_sizes"].append([result.planned_micro_batch_size, result.micro_batch_size])
        found["emptied"].append(ACCELERATOR.counts["cache_emptied"])
    return found


def small_memory(folder: Path) -> dict[str, Any]:
    """Train with less memory than whole batches take, and twice as many as with room for them."""
    data = make_data(folder, size=32, channels=1)
    # It takes most memory in the forward pass. In the backward pass of a device that is written in Python, torch ends
    # the process instead of passing the error on.
    base = ACCELERATOR.allocated
    ACCELERATOR.reset_counts()
    _, whole = trained("resnet20_cifar", data, DEVICE, batch_size=50, epochs=1)
    ACCELERATOR.memory = base + int(0.8 * (ACCELERATOR.peak - base))
    room, device_images.room_for_images = device_images.room_for_images, lambda *ignored: 2**30
    ACCELERATOR.reset_counts()
    try:
        _, result = trained("resnet20_cifar", data, DEVICE, batch_size=50, epochs=1)
        within = ACCELERATOR.peak <= ACCELERATOR.memory
    finally:
        device_images.room_for_images = room
        ACCELERATOR.memory = pretend.DEVICE_MEMORY
    return {
        "whole": whole.micro_batch_size,
        "halved": result.micro_batch_size,
        "loss": [whole.final_train_loss, result.final_train_loss],
        "within": within,
    }


def launches_of_a_step(folder: Path) -> dict[str, Any]:
    """Count what a step of the engine launches, and what its forward and backward pass and update launch by themselves.

    Nothing is augmented, averaged or clipped; what the engine adds is the data and the statistics of the epoch.
    """
    data = make_data(folder, size=32, channels=1)
    plain = {"crop_padding": 0, "flip": False, "ema_decay": 0.0, "mixup_alpha": 0.0, "cutmix_alpha": 0.0}
    plain |= {"random_erasing": 0.0, "label_smoothing": 0.0, "clip_norm": 0.0}
    before: list[int] = []

    def on_step() -> float:
        before.append(ACCELERATOR.launches)
        return 0.0

    ACCELERATOR.reset_counts()
    trained("lenet5", data, DEVICE, on_step=on_step, **plain)
    model = network("lenet5", data).to(DEVICE, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4, fused=True)
    images_BCHW = torch.rand(16, 1, 32, 32).to(DEVICE, memory_format=torch.channels_last)
    labels_B = torch.zeros(16, dtype=torch.int64).to(DEVICE)
    bare: list[int] = []
    for _ in range(3):
        ACCELERATOR.reset_counts()
        optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(model(images_BCHW), labels_B).backward()
        optimizer.step()
        bare.append(ACCELERATOR.launches)
    return {"engine": before[2] - before[1], "bare": bare[-1]}


def batched_seeds(folder: Path) -> dict[str, Any]:
    """Train three seeds together on both devices, and one after another on the other."""
    data, seeds = make_data(folder, size=32, channels=1), (0, 1, 2)
    values = Hyperparameters(**{"epochs": 2, **EVERYTHING, "mixup_alpha": 0.0, "cutmix_alpha": 0.0})
    resolved = ResolvedRecipe(recipe=Recipe(name="plain", hyperparameters=lambda: values), hp=values)

    def together(device: torch.device, on_step: Callable[[], float] = lambda: 0.0) -> list[torch.nn.Module]:
        runs = [SeedRun(seed=seed, model=network("lenet5", data)) for seed in seeds]
        settings = ForwardSettings(device=device, normalization=data, channels_last=True)
        train_seeds(runs, TrialImages(data), resolved, settings, hooks=SeedHooks(give_way=on_step))
        return [run.model for run in runs]

    def steps(work: Callable[[Callable[[], float]], Any]) -> tuple[list[int], list[int], dict[str, int], Any]:
        launches: list[int] = []
        waits: list[int] = []

        def on_step() -> float:
            launches.append(ACCELERATOR.launches)
            waits.append(ACCELERATOR.counts["waits"])
            return 0.0

        ACCELERATOR.reset_counts()
        result = work(on_step)
        return launches, waits, dict(ACCELERATOR.counts), result

    expected = together(CPU)
    launches, waits, counts, models = steps(lambda on_step: together(DEVICE, on_step))
    alone, _, _, _ = steps(
        lambda on_step: trained("lenet5", data, DEVICE, on_step=on_step, mixup_alpha=0.0, cutmix_alpha=0.0)
    )
    return {
        "difference": max(map(difference, expected, models)),
        "waits": waits,
        "counts": counts,
        "launches_together": launches[2] - launches[1],
        "launches_alone": alone[2] - alone[1],
    }
