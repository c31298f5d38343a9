"""Whether zoo's timer and timm's ``benchmark.py`` agree on the same network: one object, one process, alternately.

Needs ``--checkout``: a folder that contains the ``benchmark.py`` of a timm release. There are many short rounds, and
the result is the median over rounds of the ratio within a round, so that drifting speed of the machine matters little.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import statistics
import sys
from pathlib import Path
from typing import Any

import torch

from harness.measuring.timer import measure_rate


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkout", type=Path, required=True)
    parser.add_argument("--model", default="resnet18", help="a name of timm's")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=1.0, help="about how long either takes in a round")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    runner = load(given.checkout / "benchmark.py").InferenceBenchmarkRunner(
        given.model,
        device="cpu",
        batch_size=given.batch_size,
        img_size=32,
        num_classes=10,
        num_warm_iter=3,
        num_bench_iter=5,
    )
    seconds = given.batch_size / runner.run()["samples_per_sec"]
    runner.num_bench_iter = max(5, round(given.seconds / seconds))
    ratios = []
    for number in range(given.rounds):
        # Who goes first takes turns, too.
        if number % 2:
            ours, theirs = zoo_rate(runner, given), runner.run()["samples_per_sec"]
        else:
            theirs, ours = runner.run()["samples_per_sec"], zoo_rate(runner, given)
        ratios.append(ours / theirs)
    low, _, high = statistics.quantiles(ratios, n=4)
    print(f"zoo's timer over timm's, {given.model}, batch {given.batch_size}, {given.rounds} rounds of")
    print(f"{runner.num_bench_iter} calls: median {statistics.median(ratios):.3f}, middle half {low:.3f} to {high:.3f}")


def zoo_rate(runner: Any, given: argparse.Namespace) -> float:
    """Return images per second by zoo's timer, for what *runner* times."""
    with torch.inference_mode():
        rate = measure_rate(
            lambda: runner.model(runner.example_inputs),
            images_per_step=given.batch_size,
            device=torch.device("cpu"),
            budget_seconds=given.seconds,
        )
    return rate.median


def load(path: Path) -> Any:
    """Import timm's script without running it."""
    spec = importlib.util.spec_from_file_location("timm_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    logging.disable(logging.INFO)
    return module


if __name__ == "__main__":
    main()
