"""A trainer that waits for orders: ``python benchmarks/busy/trainer.py --model lenet5 --threads 1``.

Each line on stdin is a number of seconds to train for; the answer is a line with the images per second. Images are
random, 32×32 pixels, in batches of 128, padded, cropped and flipped; SGD with momentum, channels last.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import torch

from harness.networks.complexity import count_macs
from harness.planning.threads import threads_for_work
from harness.system.cores import usable_threads
from harness.system.malloc import keep_freed_memory
from zoo.finding import Sources
from zoo.loading import build_catalog

sys.path.insert(0, str(Path(__file__).parent.parent))

from engine_and_bare_loop import BATCH, SIDE, bare_loop, build, engine, random_images


def main() -> None:
    """Train whenever asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="a name of zoo's catalog")
    parser.add_argument("--threads", type=int, default=0, help="0: by the work of a step, as zoo bench chooses")
    parser.add_argument("--bare", action="store_true", help="a hand-written loop instead of zoo's")
    given = parser.parse_args()
    keep_freed_memory()
    model = build(build_catalog(Sources()).architectures.get(given.model).record)
    macs = count_macs(model, (3, SIDE, SIDE))
    torch.set_num_threads(given.threads or threads_for_work(macs, BATCH, available=usable_threads()))
    # About a fifth of a second for each epoch.
    num_images = BATCH * max(1, min(16, round(1e9 / (macs or 1) / BATCH)))
    with tempfile.TemporaryDirectory() as folder:
        prepared = random_images(Path(folder), num_images)
        epoch = (bare_loop if given.bare else engine)(model, prepared)
        epoch()
        print(torch.get_num_threads(), flush=True)
        for line in sys.stdin:
            end = time.monotonic() + float(line)
            rates = []
            while not rates or time.monotonic() < end:
                rates.append(epoch())
            print(len(rates) / sum(1 / rate for rate in rates), flush=True)


if __name__ == "__main__":
    main()
