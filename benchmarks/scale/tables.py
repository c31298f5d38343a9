"""Works out 10,000 trials on 100 GPUs for docs/explanation/scale.md, from measured constants and stated assumptions.

    python benchmarks/scale/tables.py

The cost of a trial for the head comes from ``measured.json`` (``measure.py --json``). The durations of trials and the
properties of the cluster are assumptions: they are defined below, and each can be set on the command line.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from simulate import HOUR, Cluster, Outcome, Trial, simulate

MEASURED = Path(__file__).parent / "measured.json"
NUM_TRIALS = 10_000
DISPATCH_SECONDS = 0.01
"""Time that the head takes to submit a trial: an assumption."""
NODE_MTBF_HOURS = 16_384 * 54 * 24 / 419 / 8
"""Meta saw 419 unexpected interruptions in 54 days on 16,384 GPUs (The Llama 3 Herd of Models, 2024, section 3.3.4):
one in 50,700 hours per GPU, and so one in 6,335 hours per node of 8."""
LEAST_STATE_SECONDS = 60.0
"""Least time between two training states that a node sends, as in ``harness.bench.remote.node``."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mix:
    """10,000 trials of a kind."""

    name: str
    model: str
    """The shape of its files, as measured."""
    median_seconds: float
    spread: float
    """Standard deviation of the logarithm."""
    epochs: int
    data_seconds: float
    """To fetch and decode the data on a node."""


MIXES = (
    Mix(name="tiny, 5 s", model="resnet20_cifar", median_seconds=5.0, spread=0.5, epochs=10, data_seconds=10.0),
    Mix(name="CIFAR ResNet-18, 1 min", model="resnet18", median_seconds=60.0, spread=0.5, epochs=30, data_seconds=30.0),
    Mix(
        name="ImageNet ResNet-50, 10 h",
        model="resnet50",
        median_seconds=10 * HOUR,
        spread=0.3,
        epochs=90,
        data_seconds=HOUR,
    ),
)

BASE = Cluster(
    gpus=100,
    gpus_per_node=8,
    start_seconds=0.5,
    link_bytes_per_second=1.25e9,
    node_mtbf_hours=NODE_MTBF_HOURS,
    repair_hours=12.0,
    detect_seconds=60.0,
    straggler_share=0.02,
    straggler_factor=1.5,
)
"""Assumptions: 10 Gbit/s into the head, half a second to start a trial, half a day to get a node back."""

COLUMNS = "makespan | GPUs useful | head | into the store | store | failures | lost | cost"


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpus", type=int, default=100)
    parser.add_argument("--trials", type=int, default=NUM_TRIALS)
    parser.add_argument("--price", type=float, default=2.5, help="dollars for a GPU hour [default: 2.5]")
    parser.add_argument("--measured", type=Path, default=MEASURED)
    options = parser.parse_args()
    shapes = {shape["model"]: shape for shape in json.loads(options.measured.read_text())["shapes"]}
    cluster = dataclasses.replace(BASE, gpus=options.gpus)
    tiny, cifar, imagenet = MIXES

    def run(mix: Mix, cluster: Cluster = cluster, *, order: str = "longest first", **changes: Any) -> Outcome:
        trials = make_trials(mix, shapes[mix.model], options.trials, order=order, **changes)
        return simulate(trials, dataclasses.replace(cluster, data_seconds=mix.data_seconds), seed=1)

    def table(title: str, rows: Sequence[tuple[str, Callable[[], Outcome]]]) -> None:
        print(f"\n{title}\n\n| | {COLUMNS} |\n|:---|{'---:|' * 8}")
        for name, make in rows:
            print(f"| {name} | {row(make(), options.price)} |", flush=True)

    table(f"{options.trials:,} trials on {options.gpus} GPUs", [(mix.name, lambda mix=mix: run(mix)) for mix in MIXES])
    table(
        "Tiny trials on more GPUs: the head sets the pace",
        [
            (f"{gpus} GPUs", lambda gpus=gpus: run(tiny, dataclasses.replace(cluster, gpus=gpus)))
            for gpus in (10, 50, 100, 200, 400)
        ],
    )
    table(
        "Nodes that fail more often, ImageNet",
        [
            (
                f"a node every {hours:,.0f} h{'' if keeps else ', without checkpoints'}",
                lambda hours=hours, keeps=keeps: run(
                    imagenet, dataclasses.replace(cluster, node_mtbf_hours=hours, keeps_checkpoints=keeps)
                ),
            )
            for hours, keeps in ((NODE_MTBF_HOURS, True), (634, True), (63, True), (634, False), (63, False))
        ],
    )
    table(
        "How often training states reach the head, ImageNet",
        [
            (f"every {seconds:,.0f} s", lambda seconds=seconds: run(imagenet, checkpoint_seconds=seconds))
            for seconds in (60.0, 400.0, 1800.0, HOUR)
        ],
    )
    uneven = dataclasses.replace(cifar, spread=1.0)
    table(
        "Order, CIFAR trials of very uneven length (a spread of 1.0)",
        [(order, lambda order=order: run(uneven, order=order)) for order in ("longest first", "plan", "longest last")],
    )


def make_trials(
    mix: Mix, shape: dict[str, Any], count: int, *, order: str, checkpoint_seconds: float | None = None
) -> list[Trial]:
    """Return the trials of a mix in the order in which they are sent out."""
    rng = random.Random(0)
    trials = []
    for _ in range(count):
        seconds = mix.median_seconds * rng.lognormvariate(0.0, mix.spread)
        interval = checkpoint_seconds or max(LEAST_STATE_SECONDS, seconds / mix.epochs)
        trials.append(
            Trial(
                seconds=seconds,
                checkpoint_seconds=interval,
                checkpoint_bytes=shape["state_bytes"],
                checkpoint_head_seconds=shape["state_seconds"],
                result_bytes=sum(shape[f"{part}_bytes"] for part in ("weights", "predictions", "record", "history")),
                head_seconds=shape["write_seconds"] + shape["check_seconds"],
                dispatch_seconds=DISPATCH_SECONDS,
                dataset=mix.name,
            )
        )
    if order != "plan":
        trials.sort(key=lambda trial: trial.seconds, reverse=order == "longest first")
    return trials


def row(outcome: Outcome, price: float) -> str:
    """Return what came of a simulation as the cells of a table."""
    hours, size = outcome.makespan / HOUR, outcome.store_bytes
    cells = (
        f"{hours / 24:.1f} d" if hours > 48 else f"{hours:.1f} h" if hours > 1 else f"{60 * hours:.1f} min",
        f"{outcome.utilisation:.1%}",
        f"{outcome.head_load:.1%}",
        f"{outcome.bytes_per_second / 1e6:.3g} MB/s",
        f"{size / 1e9:,.1f} GB" if size < 1e12 else f"{size / 1e12:.2f} TB",
        f"{outcome.failures}",
        f"{outcome.lost_seconds / HOUR:,.1f} GPU h",
        f"${outcome.cost(price):,.0f}",
    )
    return " | ".join(cells)


if __name__ == "__main__":
    main()
