"""Whether own time holds: ``python benchmarks/busy/own_time.py``.

Predicts and trains with one thread, in turns at rest and beside the load, and prints the speed beside the load over
that at rest, by the clock and in own time, which is what ``zoo bench`` reports for networks with one thread. The latter
should be 1.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from harness.measuring.reference import reference_step
from harness.networks.complexity import count_macs
from harness.system.malloc import keep_freed_memory
from harness.system.own_time import Stopwatch
from zoo.finding import Sources
from zoo.loading import build_catalog

sys.path.insert(0, str(Path(__file__).parent.parent))

from engine_and_bare_loop import SIDE, build
from load import end_on_request, load

WINDOW_SECONDS = 0.015


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["linear", "lenet5", "simple_cnn", "resnet20_cifar"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each turn")
    parser.add_argument("--load", type=int, default=os.cpu_count() or 1, help="busy processes")
    given = parser.parse_args()
    end_on_request()
    keep_freed_memory()
    torch.set_num_threads(1)
    steps: dict[str, Callable[[], object]] = {"reference network": reference_step(torch.device("cpu"))}
    catalog = build_catalog(Sources())
    for name in given.models:
        model = build(catalog.architectures.get(name).record)
        images = 128 if (count_macs(model, (3, SIDE, SIDE)) or 0) < 10**7 else 16
        steps |= {f"{name}, predicting": predicting(model, 4 * images), f"{name}, training": training(model, images)}
    found: dict[str, dict[bool, list[tuple[float, float]]]] = {name: {False: [], True: []} for name in steps}
    for _ in range(given.rounds):
        for is_busy in (False, True):
            with load(given.load) if is_busy else contextlib.nullcontext():
                for name, step in steps.items():
                    found[name][is_busy].append(rates(step, given.seconds))
    print(f"{'':28} {'by the clock':>14} {'in own time':>14}   own time at rest over the clock at rest")
    for name, both in found.items():
        pairs = list(zip(both[True], both[False], strict=True))
        wall, own = (statistics.median(busy[which] / rest[which] for busy, rest in pairs) for which in (0, 1))
        at_rest = statistics.median(rest[1] / rest[0] for rest in both[False])
        print(f"{name:28} {wall:14.2f} {own:14.2f}   {at_rest:.3f}")


def rates(step: Callable[[], object], seconds: float) -> tuple[float, float]:
    """Return steps per second of the median window, by the clock and in own time."""
    for _ in range(3):
        step()
    walls, owns = [], []
    end = time.perf_counter() + seconds
    while len(walls) < 5 or time.perf_counter() < end:
        calls, wall, own = 0, Stopwatch(in_own_time=False), Stopwatch(in_own_time=True)
        while calls == 0 or wall.seconds() < WINDOW_SECONDS:
            step()
            calls += 1
        owns.append(calls / own.seconds())
        walls.append(calls / wall.seconds())
    return statistics.median(walls), statistics.median(owns)


def predicting(model: torch.nn.Module, images: int) -> Callable[[], object]:
    """Return a function that predicts a batch."""
    images_BCHW = torch.rand(images, 3, SIDE, SIDE).to(memory_format=torch.channels_last)

    def step() -> None:
        model.eval()
        with torch.inference_mode():
            model(images_BCHW)

    return step


def training(model: torch.nn.Module, images: int) -> Callable[[], object]:
    """Return a function that makes a training step."""
    images_BCHW = torch.rand(images, 3, SIDE, SIDE).to(memory_format=torch.channels_last)
    labels_B = torch.arange(images) % 10
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, fused=True)

    def step() -> None:
        model.train()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images_BCHW), labels_B).backward()
        optimizer.step()

    return step


if __name__ == "__main__":
    main()
