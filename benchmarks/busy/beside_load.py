"""How fast zoo trains beside other work: ``python benchmarks/busy/beside_load.py --models lenet5 resnet20_cifar``.

The load is made here: one process per core that computes without a pause, started for a run and ended by its id after
it, and bounded by a time of its own in case this script is killed. Runs take turns: zoo and a bare loop with one
thread, each at rest and beside the load, so that whatever else the machine does affects all alike. Ratios are taken
within a round; their median over rounds is printed. Each run is a process of its own.

With ``--threads 1 2``, zoo runs with these numbers of threads too, beside its own choice (0).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

PEERS = Path(__file__).parent.parent / "peers"
LONGEST_SECONDS = 1800
SPIN = f"import time; end = time.monotonic() + {LONGEST_SECONDS}\nwhile time.monotonic() < end: pass"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["lenet5", "simple_cnn", "resnet20_cifar"])
    parser.add_argument("--images", type=int, nargs="+", default=[12_800, 2_560, 1_280], help="an epoch's, by model")
    parser.add_argument("--epochs", type=int, default=3, help="the first warms up and is not counted")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[0], help="0: what zoo chooses")
    parser.add_argument("--load", type=int, default=os.cpu_count() or 1, help="busy processes")
    given = parser.parse_args()
    table = Table("model", "run", "at rest, images/s", "beside the load", "of its rest", "of the bare loop there")
    for number, model in enumerate(given.models):
        images = given.images[min(number, len(given.images) - 1)]
        runs = {
            "bare loop, 1 thread": ["bare_loop.py", "--channels-last", "--threads", "1"],
            **{
                f"zoo, {f'--threads {count}' if count else 'its own choice'}": ["zoo_bench.py", "--threads", str(count)]
                for count in given.threads
            },
        }
        rates: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
        for turn in range(given.rounds):
            for name, command in runs.items():
                options = ["--model", model, "--images", str(images), "--epochs", str(given.epochs)]
                rest = rate([*command, *options])
                with load(given.load):
                    busy = rate([*command, *options])
                rates[name].append((rest, busy))
                print(f"{model}, round {turn + 1}, {name}: {rest:,.0f} and {busy:,.0f} images/s", file=sys.stderr)
        bare = [busy for _, busy in rates["bare loop, 1 thread"]]
        for name, pairs in rates.items():
            table.add_row(
                model,
                name,
                f"{statistics.median(rest for rest, _ in pairs):,.0f}",
                f"{statistics.median(busy for _, busy in pairs):,.0f}",
                f"{statistics.median(busy / rest for rest, busy in pairs):.2f}",
                f"{statistics.median(busy / there for (_, busy), there in zip(pairs, bare, strict=True)):.2f}",
            )
    Console().print(table)


@contextlib.contextmanager
def load(processes: int) -> Iterator[None]:
    """Keep *processes* cores busy."""
    busy = [subprocess.Popen([sys.executable, "-S", "-c", SPIN]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def rate(command: list[str]) -> float:
    """Return the median images per second over a run's epochs."""
    with tempfile.TemporaryFile("w+") as errors:
        done = subprocess.run(
            [sys.executable, *command], cwd=PEERS, stdout=subprocess.PIPE, stderr=errors, text=True, check=False
        )
        if done.returncode:
            errors.seek(0)
            raise SystemExit(f"{' '.join(command)} failed:\n{errors.read()}")
    return statistics.median(json.loads(done.stdout.splitlines()[-1])["images_per_second"])


if __name__ == "__main__":
    main()
