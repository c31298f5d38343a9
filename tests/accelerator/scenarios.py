"""What runs on the pretend accelerator, in a process of its own: ``python scenarios.py NAME…`` prints JSON lines.

Each scenario does something on the CPU and on the pretend accelerator, and returns both results with the counts.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pretend
import torch

from harness.batches import device_images
from harness.batches.forward_settings import ForwardSettings, Precision
from harness.data.images import PreparedData, TrialImages
from harness.records.predictions import load_predictions
from harness.records.record import Record
from harness.records.spec import ArchitectureSpec, DatasetSpec, ExecutionSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.records.store import read_record
from harness.training import optimizers
from harness.training.evaluation import predict_batch
from harness.training.loop import TrainingHooks, TrainingResult, train
from harness.training.resolved_recipe import ResolvedRecipe
from harness.training.seeds.loop import SeedHooks, SeedRun, train_seeds
from harness.trial.job import TrialJob
from harness.trial.resolved_trial import ResolvedTrial
from harness.trial.trial import run_trial
from zoo import Hyperparameters, Recipe, build_catalog
from zoo.architecture import ModelRequest
from zoo.loading import Sources

CPU, DEVICE = torch.device("cpu"), pretend.DEVICE
ACCELERATOR = pretend.ACCELERATOR
CATALOG = build_catalog(Sources(entry_points=False))
NUM_TRAIN, NUM_VAL, NUM_TEST, CLASSES = 50, 20, 24, 4
EVERYTHING = {
    "lr": 0.02,
    "batch_size": 16,
    "crop_padding": 0.125,
    "ema_decay": 0.9,
    "mixup_alpha": 0.2,
    "cutmix_alpha": 1.0,
    "random_erasing": 0.25,
    "label_smoothing": 0.1,
    "clip_norm": 1.0,
    "weight_decay": 1e-4,
}
"""Hyperparameters that use most of the engine."""

optimizers.FUSED_DEVICES = (*optimizers.FUSED_DEVICES, pretend.NAME)  # the CPU's kernels, so that results are equal


def make_data(folder: Path, *, size: int = 16, channels: int = 3) -> PreparedData:
    """Write noisy patterns, as the cache holds them."""
    rng = np.random.default_rng(7)
    patterns = rng.uniform(40, 215, (CLASSES, size, size, channels))
    for split, count in (("train", NUM_TRAIN), ("val", NUM_VAL), ("test", NUM_TEST)):
        labels = np.arange(count) % CLASSES
        images = patterns[labels] + rng.normal(0, 30, (count, size, size, channels))
        np.save(folder / f"{split}-images.npy", images.clip(0, 255).astype(np.uint8))
        np.save(folder / f"{split}-labels.npy", labels.astype(np.int64))
        np.save(folder / f"{split}-samples.npy", np.arange(count, dtype=np.uint64))
    return PreparedData(
        folder=str(folder),
        fingerprint="f" * 64,
        classes=tuple(f"class {k}" for k in range(CLASSES)),
        image_size=size,
        channels=channels,
        mean=(0.5,) * channels,
        std=(0.25,) * channels,
        mirror_symmetric=True,
        num_train=NUM_TRAIN,
        num_val=NUM_VAL,
        num_test=NUM_TEST,
    )


def network(name: str, data: PreparedData) -> torch.nn.Module:
    torch.manual_seed(0)
    record = CATALOG.architectures.get(name).record
    request = ModelRequest(
        num_classes=CLASSES,
        in_channels=data.channels,
        image_size=data.image_size,
        pretrained=False,
        options=dict(record.options),
    )
    built: torch.nn.Module = record.build(request)
    return built


def trained(
    name: str, data: PreparedData, device: torch.device, *, on_step: Callable[[], float] = lambda: 0.0, **hp: Any
) -> tuple[torch.nn.Module, TrainingResult]:
    model = network(name, data)
    values = Hyperparameters(**{"epochs": 2, **EVERYTHING, **hp})
    result = train(
        model,
        TrialImages(data),
        ResolvedRecipe(recipe=Recipe(name="plain", hyperparameters=lambda: values), hp=values),
        ForwardSettings(device=device, normalization=data, channels_last=True),
        seed=0,
        hooks=TrainingHooks(give_way=on_step),
    )
    return model, result


def difference(one: torch.nn.Module, other: torch.nn.Module) -> float:
    """Return the largest difference of any weight or buffer."""
    first, second = one.state_dict(), other.state_dict()
    return max(float((first[name].cpu().double() - second[name].cpu().double()).abs().max()) for name in first)


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
    base = ACCELERATOR.allocated
    ACCELERATOR.reset_counts()
    _, whole = trained("lenet5", data, DEVICE, batch_size=50)
    ACCELERATOR.memory = base + int(0.8 * (ACCELERATOR.peak - base))
    room, device_images.room_for_images = device_images.room_for_images, lambda *ignored: 2**30
    ACCELERATOR.reset_counts()
    try:
        _, result = trained("lenet5", data, DEVICE, batch_size=50)
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


def whole_trial(
    model: str, data: PreparedData, folder: Path, *, precision: Precision = "fp32", recipe: str = "sgd_quick"
) -> dict[str, Any]:
    """Run a trial with all its phases on both devices."""
    provider, entry = ProviderSpec(plugin="plugins"), CATALOG.architectures.get(model)

    def run(device: torch.device) -> tuple[Record, Any]:
        hyperparameters = CATALOG.recipes.get(recipe).record.hyperparameters().model_dump(mode="json")
        settings = {"pretrained": False} if recipe == "probe" else {**EVERYTHING, "epochs": 2}
        spec = TrialSpec(
            architecture=ArchitectureSpec(
                full_name=entry.full_name,
                display_name=model,
                provider=provider,
                options=dict(entry.record.options),
            ),
            dataset=DatasetSpec(full_name="p/set", display_name="set", provider=provider),
            recipe=RecipeSpec(
                full_name=CATALOG.recipes.get(recipe).full_name,
                display_name=recipe,
                provider=provider,
                hyperparameters={**hyperparameters, **settings},
            ),
            seed=0,
            execution=ExecutionSpec(
                device=str(device),
                precision=precision,
                threads=1,
                small_images="off",
                measure_seconds=0.01,
                layout="channels_last",
                compile="off",
            ),
        )
        place = folder / device.type
        place.mkdir()
        ACCELERATOR.reset_counts()
        job = TrialJob(trial=ResolvedTrial(spec=spec, result_key="key", prepared=data), folder=str(place))
        assert run_trial(job, CATALOG)
        record = read_record(place / "record.json")
        assert record.failure is None, record.failure.message + record.failure.traceback
        return record, load_predictions(place).predictions.logits

    (on_cpu, expected), (record, logits) = run(CPU), run(DEVICE)
    assert record.speed is not None
    assert record.training is not None
    assert on_cpu.training is not None
    return {
        "features": None if record.features is None else record.features.num_computed,
        "outcome": record.outcome,
        "autocasts": ACCELERATOR.counts["autocasts"],
        "warnings": record.warnings,
        "difference": float(np.abs(logits - expected).max()),
        "loss": [on_cpu.training.final_train_loss, record.training.final_train_loss],
        "metrics_agree": {name: value.value for name, value in record.metrics.items()}
        == {name: value.value for name, value in on_cpu.metrics.items()},
        "environment": {name: record.environment[name] for name in ("device", "device_name", "device_memory_mib")},
        "peak_memory_mib": record.speed.peak_memory_mib,
        "resident_images_mib": record.speed.resident_images_mib,
        "measured": sorted(
            name
            for name in ("train", "train_end_to_end", "inference", "inference_end_to_end", "latency", "reference")
            if getattr(record.speed, name) is not None
        ),
    }


def lenet_trial(folder: Path) -> dict[str, Any]:
    return whole_trial("lenet5", make_data(folder, size=32, channels=1), folder)


def resnet_trial(folder: Path) -> dict[str, Any]:
    return whole_trial("resnet20_cifar", make_data(folder), folder)


def features_trial(folder: Path) -> dict[str, Any]:
    """Features of all images, and a head that is fitted to them."""
    return whole_trial("resnet20_cifar", make_data(folder), folder, recipe="probe")


def bf16_trial(folder: Path) -> dict[str, Any]:
    return whole_trial("lenet5", make_data(folder, size=32, channels=1), folder, precision="bf16")


def serving(folder: Path) -> dict[str, Any]:
    """Predict three batches as a server does."""
    data = make_data(folder)
    model = network("resnet20_cifar", data)
    images_NHWC = torch.from_numpy(np.array(data.load("test").images_NHWC))
    results = []
    for device in (CPU, DEVICE):
        settings = ForwardSettings(device=device, normalization=data, channels_last=True)
        settings.place(model)
        normalize = settings.normalizer()
        predict_batch(model, images_NHWC[:8], settings, normalize, batch_size=8)  # makes the normaliser's constants
        ACCELERATOR.reset_counts()
        some = torch.split(images_NHWC, 8)
        results.append(torch.cat([predict_batch(model, each, settings, normalize, batch_size=8) for each in some]))
    return {
        "difference": float((results[0] - results[1]).abs().max()),
        "batches": len(some),
        "counts": dict(ACCELERATOR.counts),
    }


def refusals(folder: Path) -> dict[str, Any]:
    """Do what a device must refuse or count."""
    there, here = torch.ones(3, device=DEVICE), torch.ones(3)
    ACCELERATOR.reset_counts()
    found: dict[str, Any] = {}
    for name, work in {
        "sum": lambda: there + here,
        "in place": lambda: there.add_(here),
        "list": lambda: torch._foreach_add_([there], [here]),
        "index": lambda: there.index_select(0, torch.tensor([0, 1])),
    }.items():
        try:
            work()
            found[name] = ""
        except RuntimeError as error:
            found[name] = str(error)
    found["number"] = (there + torch.tensor(2.0)).sum().item()
    _ = there[there > 0]
    found["counts"] = dict(ACCELERATOR.counts)
    held = ACCELERATOR.allocated
    more = torch.zeros(1000, device=DEVICE)
    found["grew"] = ACCELERATOR.allocated - held
    view = more[:10]
    found["view grew"] = ACCELERATOR.allocated - held - 4000
    del more, view
    found["kept"] = ACCELERATOR.allocated - held
    return found


SCENARIOS: dict[str, Callable[[Path], dict[str, Any]]] = {
    scenario.__name__: scenario
    for scenario in (
        refusals,
        serving,
        lenet_training,
        resnet_training,
        plain_training,
        streamed_training,
        out_of_memory,
        small_memory,
        batched_seeds,
        launches_of_a_step,
        lenet_trial,
        bf16_trial,
        features_trial,
        resnet_trial,
    )
}


def main(names: list[str]) -> None:
    torch.set_num_threads(1)
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps({"scenario": name, **SCENARIOS[name](Path(folder))}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
