"""How long a whole bench takes: ``python benchmarks/busy/wall_time.py --before CHECKOUT --load 2``.

Runs ``zoo bench`` with the given arguments (none: the default bench) in turns: the version in ``--before``, this one,
each at rest and beside the load, round after round. Each time, no data are prepared and the folder for records is
empty; the names of models are cached by a command before, which is not timed. Ratios are taken within a round.
``--checks`` adds two benches at once over one after the other, and whether the predictions with ``--jobs auto`` are
those with ``--jobs 1``, bit for bit.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from load import end_on_request, load

ROOT = Path(__file__).parent.parent.parent


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="folder of another version to compare with")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--load", type=int, nargs="+", default=[0, os.cpu_count() or 1], help="busy processes")
    parser.add_argument("--checks", action="store_true")
    parser.add_argument("bench", nargs="*", help="arguments of zoo bench, after --")
    given = parser.parse_args()
    end_on_request()
    versions = {"before": given.before, "now": ROOT} if given.before else {"now": ROOT}
    for processes in given.load:
        seconds: dict[str, list[float]] = {name: [] for name in versions}
        for turn in range(given.rounds):
            for name, version in versions.items():
                own = ["--timings"] if version == ROOT else []
                with tempfile.TemporaryDirectory() as folder:
                    list_models(version, Path(folder))
                    with load(processes):
                        seconds[name].append(timed(version, [Path(folder)], [*given.bench, *own]))
                    show(Path(folder), f"{name}, {processes} busy, round {turn + 1}: {seconds[name][-1]:.1f} s")
        if given.before:
            ratios = [now / before for now, before in zip(seconds["now"], seconds["before"], strict=True)]
            print(f"{processes} busy: {statistics.median(ratios):.2f} of the time before", flush=True)
    if given.checks:
        check(given.bench)


def check(options: Sequence[str]) -> None:
    """Run two benches at once, then one after the other, and one with a single job."""
    with contextlib.ExitStack() as stack:
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(5)]
        both, first, second, single = folders[:2], folders[2], folders[3], folders[4]
        for folder in folders:
            list_models(ROOT, folder)
        at_once = timed(ROOT, both, options)
        one_by_one = sum(timed(ROOT, [folder], options) for folder in (first, second))
        print(f"two benches at once: {at_once:.1f} s, {at_once / one_by_one:.2f} of one after the other", flush=True)
        alone = timed(ROOT, [single], [*options, "--jobs", "1"])
        print(f"--jobs 1: {alone:.1f} s; --jobs auto: {one_by_one / 2:.1f} s, {one_by_one / 2 / alone:.2f} of it")
        expected = predictions(single)
        same = [predictions(folder) == expected for folder in folders[:4]]
        print(f"{len(expected)} trials; predictions equal to those with --jobs 1, bench by bench: {same}", flush=True)


def zoo(version: Path, folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a command of a version of zoo, with its cache in *folder*."""
    environment = {**os.environ, "PYTHONPATH": str(version), "ZOO_CACHE": str(folder / "cache")}
    environment.pop("OMP_NUM_THREADS", None)
    with (folder / "err").open("wb") as errors:
        command = [sys.executable, "-m", "zoo", *arguments]
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=errors)


def list_models(version: Path, folder: Path) -> None:
    """Have zoo cache the names of models."""
    finish(zoo(version, folder, "list", "models"))


def timed(version: Path, folders: Sequence[Path], options: Sequence[str]) -> float:
    """Return how many seconds benches take that run at once, each with its own folder."""
    began = time.monotonic()
    benches = [zoo(version, each, "bench", "--no-plugins", "--out", str(each / "runs"), *options) for each in folders]
    for bench in benches:
        finish(bench)
    return time.monotonic() - began


def finish(command: subprocess.Popen[bytes]) -> None:
    """Wait for a command; end it if this process is asked to end."""
    try:
        status = command.wait()
    except BaseException:
        command.terminate()
        command.wait()
        raise
    if status:
        raise SystemExit(f"{command.args} ended with status {status}")


def show(folder: Path, heading: str) -> None:
    """Print how long a bench took, where the time went, and how many rows of its table are marked as disturbed."""
    print(heading, flush=True)
    said = (folder / "err").read_text(encoding="utf-8", errors="replace")
    print(said[said.find("wall time ") :] if "wall time " in said else "", end="")
    table = (folder / "runs" / "leaderboard.md").read_text(encoding="utf-8")
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    print(f"{sum('‡' in row for row in rows)} of {len(rows) - 1} rows are marked ‡", flush=True)


def predictions(folder: Path) -> dict[str, bytes]:
    """Return the bytes of each trial's predictions, by the name of its folder."""
    return {path.parent.name: path.read_bytes() for path in folder.glob("runs/*/predictions.safetensors")}


if __name__ == "__main__":
    main()
