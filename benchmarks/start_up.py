"""How long a bench takes that trains nearly nothing, over how long ``import torch`` takes.

    python benchmarks/start_up.py --rounds 7
    python benchmarks/start_up.py --rounds 7 --load 2

All commands take turns in every round, each in a process of its own; medians, and their ratios to that of ``python -c
"import torch"``. ``--load`` has that many processes compute beside them. Run it with an installed zoo whose byte code
is compiled: a checkout on a read-only disk compiles it each time.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ZOO = (sys.executable, "-m", "zoo")
BENCH = (
    *(*ZOO, "bench", "--models", "linear", "--data", "digits"),
    *("--recipes", "sgd_quick", "--epochs", "1", "--seeds", "1"),
)


def main() -> None:
    """Print a row for each command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="rounds, whose medians count [default: 7]")
    parser.add_argument("--load", type=int, default=0, help="processes that compute beside them [default: 0]")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, beside(given.load):
        trained, store = Path(folder, "trained"), Path(folder, "store")
        run((*BENCH, "-o", str(trained)))
        trial = next(path.parent for path in trained.glob("*/record.json"))
        image = save_image(Path(folder))
        commands: dict[str, tuple[str, ...]] = {
            "import torch": (sys.executable, "-c", "import torch"),
            "bench": (*BENCH, "-o", str(store)),
            "bench without speeds": (*BENCH, "--measure-seconds", "0", "-o", str(store)),
            "predict": (*ZOO, "predict", str(trial), str(image)),
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(given.rounds):
            for name, command in commands.items():
                shutil.rmtree(store, ignore_errors=True)
                seconds[name].append(run(command))
    base = statistics.median(seconds["import torch"])
    print("| command | seconds | over import torch |\n|:---|---:|---:|")
    for name, each in seconds.items():
        print(f"| {name} | {statistics.median(each):.2f} | {statistics.median(each) / base:.2f} |")


def run(command: tuple[str, ...]) -> float:
    """Run *command* and return how long it took."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def save_image(folder: Path) -> Path:
    """Write a small grey image and return its path."""
    from PIL import Image

    path = folder / "image.png"
    Image.effect_noise((8, 8), 64).save(path)
    return path


@contextlib.contextmanager
def beside(count: int) -> Iterator[None]:
    """Have *count* processes compute without a pause while the body runs."""
    busy = [subprocess.Popen((sys.executable, "-c", "while True: pass")) for _ in range(count)]
    try:
        yield
    finally:
        for each in busy:
            each.kill()
            each.wait()


if __name__ == "__main__":
    main()
