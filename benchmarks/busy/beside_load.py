"""How fast zoo trains at rest and beside other work: ``python benchmarks/busy/beside_load.py --models lenet5``.

The load is one process per core that computes without a pause; see :mod:`load`. All trainers of a model are started
first, and then take turns of a few seconds: at rest, then beside the load, round after round, so that whatever else the
machine does affects all alike. Ratios are taken within a round, and their median over rounds is printed.

A run is a number of threads (0: what zoo chooses by the work of a step) and, after a colon, ``GOMP_SPINCOUNT`` (30000
is what trials use; ``default`` is that of the library). ``2:default`` is what zoo did on two cores before.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from load import end_on_request, load
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent.parent
BARE = "bare loop, 1 thread"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["lenet5", "simple_cnn", "resnet20_cifar"])
    parser.add_argument("--runs", nargs="+", default=["0:30000", "2:default"], metavar="THREADS:SPINS")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn")
    parser.add_argument("--load", type=int, default=os.cpu_count() or 1, help="busy processes; 0: at rest only")
    given = parser.parse_args()
    end_on_request()
    table = Table("model", "run", "threads", "at rest, images/s", "over the last run", "beside the load")
    table.add_column("of its rest")
    table.add_column("of the bare loop there")
    try:
        for model in given.models:
            measure(model, given.runs, given.rounds, given.seconds, given.load, table)
    finally:
        Console(width=140).print(table)


def measure(model: str, runs: Sequence[str], rounds: int, seconds: float, processes: int, table: Table) -> None:
    """Measure a model's runs, and add a row for each to *table*."""
    with contextlib.ExitStack() as stack:
        trainers = {BARE: stack.enter_context(trainer(model, threads="1", spins="30000", bare=True))}
        for run in runs:
            threads, _, spins = run.partition(":")
            trainers[f"zoo {run}"] = stack.enter_context(trainer(model, threads=threads, spins=spins or "30000"))
        num_threads = {name: process.stdout.readline().strip() for name, process in trainers.items()}
        rest: dict[str, list[float]] = {name: [] for name in trainers}
        busy: dict[str, list[float]] = {name: [] for name in trainers}
        try:
            for _ in range(rounds):
                for name, process in trainers.items():
                    rest[name].append(rate(process, seconds))
                if processes:
                    with load(processes):
                        for name, process in trainers.items():
                            busy[name].append(rate(process, seconds))
        finally:
            report(model, num_threads, rest, busy if processes else None, table)


def report(
    model: str,
    num_threads: dict[str, str],
    rest: dict[str, list[float]],
    busy: dict[str, list[float]] | None,
    table: Table,
) -> None:
    """Add a row for each run to *table*, from the rounds that are complete."""
    *_, last = rest
    complete = len((busy or rest)[last])
    if not complete:
        return
    trainers = list(rest)
    rest = {name: rates[:complete] for name, rates in rest.items()}
    busy = None if busy is None else {name: rates[:complete] for name, rates in busy.items()}
    for name in trainers:
        cells = [f"{statistics.median(rest[name]):,.0f}", ratio(rest[name], rest[last])]
        if busy is not None:
            cells += [f"{statistics.median(busy[name]):,.0f}", ratio(busy[name], rest[name])]
            cells += [ratio(busy[name], busy[BARE])]
        table.add_row(model, name, num_threads[name], *cells)
        print(model, name, num_threads[name], *cells, file=sys.stderr, flush=True)


def ratio(above: Sequence[float], below: Sequence[float]) -> str:
    """Return the median ratio within rounds."""
    return f"{statistics.median(a / b for a, b in zip(above, below, strict=True)):.2f}"


@contextlib.contextmanager
def trainer(model: str, *, threads: str, spins: str, bare: bool = False) -> Iterator[subprocess.Popen[str]]:
    """Start a trainer that waits for orders; it ends when its stdin is closed."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_NUM_THREADS")
    }
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), environment.get("PYTHONPATH", "")])
    if spins != "default":
        environment["GOMP_SPINCOUNT"] = spins
    command = [sys.executable, str(Path(__file__).with_name("trainer.py")), "--model", model, "--threads", threads]
    process = subprocess.Popen(
        command + ["--bare"] * bare, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def rate(process: subprocess.Popen[str], seconds: float) -> float:
    """Return the images per second of a turn."""
    process.stdin.write(f"{seconds}\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise SystemExit(f"a trainer ended with status {process.wait()}; it said why above")
    return float(answer)


if __name__ == "__main__":
    main()
