"""Seeds of a small network together and one after another: how much faster, and for which networks and batches.

    python benchmarks/batched_seeds.py --rounds 3

Steps (forward, backward, update) on a batch for each seed, compute only, as the probe of ``--batched-seeds auto`` times
them. Both ways take turns in every round; a ratio above 1 means that together is faster. The accelerator is used if
there is one. Networks, batch sizes and numbers of seeds are options.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from harness.batches.forward_settings import ForwardSettings
from harness.measuring.environment import resolve_device
from harness.measuring.timer import synchronize
from harness.measuring.training_step import training_step
from harness.networks.building import build_model
from harness.training.precision import exact_fp32, fastest_kernels
from harness.training.resolved_recipe import ResolvedRecipe
from harness.training.seeds.step import SeedStep
from zoo import Hyperparameters, Preparation, Recipe, build_catalog
from zoo.architecture import ModelRequest
from zoo.loading import Sources

WINDOW_SECONDS = 0.3


def main() -> None:
    """Print a ratio for each network, batch size and number of seeds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", default="lenet5,simple_cnn,resnet20_cifar", help="networks to train")
    parser.add_argument("--batches", default="8,32,128", help="batch sizes")
    parser.add_argument("--seeds", default="2,4,8", help="numbers of seeds")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, whose median counts [default: 3]")
    parser.add_argument("--device", default="auto", help="device [default: auto]")
    parser.add_argument("--precision", default="fp32", choices=("fp32", "bf16"), help="precision [default: fp32]")
    given = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.device(resolve_device(given.device))
    print(f"| network | batch |{''.join(f' {count} seeds |' for count in given.seeds.split(','))}")
    print("|:---|---:|" + "---:|" * len(given.seeds.split(",")))
    with exact_fp32(device), fastest_kernels(device):
        for model in given.models.split(","):
            for batch in map(int, given.batches.split(",")):
                ratios = [gain(model, batch, int(count), device, given) for count in given.seeds.split(",")]
                print(f"| {model} | {batch} |{''.join(f' {ratio:.2f} |' for ratio in ratios)}", flush=True)


def gain(model: str, batch: int, count: int, device: torch.device, given: argparse.Namespace) -> float:
    """Return the speed of *count* seeds together over that one after another."""
    record = build_catalog(Sources(entry_points=False)).architectures.get(model).record
    request = ModelRequest(num_classes=10, in_channels=3, image_size=32, options=dict(record.options))
    networks = [build_model(record, request, seed=seed, adapt=True)[0].to(device) for seed in range(count)]
    hp = Hyperparameters(batch_size=batch, lr=1e-4)
    resolved = ResolvedRecipe(recipe=Recipe(name="plain", hyperparameters=lambda: hp), hp=hp)
    settings = ForwardSettings(
        device=device,
        normalization=Preparation(mean=(0.5,) * 3, std=(0.25,) * 3),
        precision=given.precision,
        channels_last=True,
    )
    images_SBCHW = torch.randn(count, batch, 3, 32, 32, device=device)
    labels_SB = torch.randint(10, (count, batch), device=device)
    steps = [
        training_step(network, resolved, settings, images_BCHW, labels_B)
        for network, images_BCHW, labels_B in zip(networks, images_SBCHW, labels_SB, strict=True)
    ]
    for network in networks:
        settings.place(network)
    together = SeedStep(networks, range(count), resolved, settings, num_classes=10)
    together.generators.start_epoch(1)
    together.networks.train()

    def at_once() -> None:
        together.gradients(images_SBCHW, labels_SB)
        together.update()

    def in_turn() -> None:
        for step in steps:
            step()

    calls = max(1, int(WINDOW_SECONDS / max(seconds(at_once, 2, device), 1e-9)))
    seconds(in_turn, 1, device)
    return statistics.median(
        seconds(in_turn, calls, device) / seconds(at_once, calls, device) for _ in range(given.rounds)
    )


def seconds(work: Callable[[], None], calls: int, device: torch.device) -> float:
    """Return the seconds of a call."""
    synchronize(device)
    began = time.perf_counter()
    for _ in range(calls):
        work()
    synchronize(device)
    return (time.perf_counter() - began) / calls


if __name__ == "__main__":
    main()
