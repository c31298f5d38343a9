"""Train one network with several trainers alternately, and print their speeds relative to the bare loop.

Each run is a separate process. Rounds alternate, so that other load on the machine affects all trainers alike; the
result is the median over rounds. A trainer with missing requirements is skipped, with a message.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="lenet5")
    parser.add_argument("--images", type=int, default=12_800)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2], help="loader processes of the peers")
    parser.add_argument("--timm", type=Path, help="folder with timm's train.py")
    parser.add_argument("--torchvision", type=Path, help="torchvision's references/classification")
    parser.add_argument("--lightning", action="store_true")
    given = parser.parse_args()
    peers: list[tuple[str, list[str]]] = [
        ("bare loop", ["bare_loop.py"]),
        ("bare loop, channels last", ["bare_loop.py", "--channels-last"]),
        ("zoo bench", ["zoo_bench.py"]),
    ]
    for workers in given.workers:
        for layout, flags in (("", []), (", channels last", ["--channels-last"])):
            end = ["--workers", str(workers), *flags]
            if given.timm:
                script = ["timm_train.py", "--checkout", str(given.timm.absolute())]
                peers.append((f"timm train.py, {workers} workers{layout}", [*script, *end]))
            if layout:
                continue
            if given.torchvision:
                script = ["torchvision_train.py", "--checkout", str(given.torchvision.absolute())]
                peers.append((f"torchvision references, {workers} workers", [*script, *end]))
            if given.lightning:
                peers.append((f"Lightning, {workers} workers", ["lightning_fit.py", *end]))
    rates: dict[str, list[float]] = {name: [] for name, _ in peers}
    for round_number in range(given.rounds):
        for name, command in peers:
            rate = run(command, given)
            print(f"round {round_number + 1}, {name}: {f'{rate:,.0f} images/s' if rate else 'failed'}", file=sys.stderr)
            if rate:
                rates[name].append(rate)
    table = Table("trainer", "images/s", "of the best bare loop", title=f"{given.model}, {given.threads} threads")
    best = max(statistics.median(rates[name]) for name, _ in peers[:2] if rates[name])
    for name, values in rates.items():
        if values:
            middle = statistics.median(values)
            table.add_row(name, f"{middle:,.0f}  ({min(values):,.0f} to {max(values):,.0f})", f"{middle / best:.2f}")
        else:
            table.add_row(name, "failed", "")
    Console(width=110).print(table)


def run(command: list[str], given: argparse.Namespace) -> float | None:
    """Return the median of images per second over the epochs of one run, or None if it failed."""
    script, *rest = command
    shared = ["--model", given.model, "--images", given.images, "--epochs", given.epochs, "--threads", given.threads]
    done = subprocess.run(
        [sys.executable, str(HERE / script), *map(str, shared), *rest], capture_output=True, text=True, check=False
    )
    try:
        return statistics.median(json.loads(done.stdout.strip().splitlines()[-1])["images_per_second"])
    except (IndexError, ValueError, KeyError, statistics.StatisticsError):
        print(done.stderr[-2000:], file=sys.stderr)
        return None


if __name__ == "__main__":
    main()
