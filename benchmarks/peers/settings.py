"""Settings that all trainers share, and the format of their results."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

BATCH_SIZE = 128
LR, MOMENTUM, WEIGHT_DECAY = 0.01, 0.9, 5e-4


def parse_settings(description: str) -> argparse.Namespace:
    """Read the arguments that all trainers share, and set torch's threads."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", default="lenet5", help="a name of zoo's catalog")
    parser.add_argument("--images", type=int, default=12_800, help="images per epoch; a multiple of 128")
    parser.add_argument("--epochs", type=int, default=3, help="the first warms up and is not counted")
    parser.add_argument("--workers", type=int, default=0, help="loader processes, where the trainer has any")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="0: what zoo chooses")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--checkout", type=Path, help="folder of the peer's scripts, where it needs them")
    settings = parser.parse_args()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    return settings


def answer(images_per_second: list[float]) -> None:
    """Print images per second of each epoch but the first, for ``compare.py`` to read."""
    print(json.dumps({"images_per_second": images_per_second[1:]}), flush=True)
