"""zoo: ``zoo bench`` itself, with speeds from its records."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from settings import BATCH_SIZE, LR, MOMENTUM, WEIGHT_DECAY, answer, parse_settings

settings = parse_settings(__doc__)
with tempfile.TemporaryDirectory() as folder:
    hyperparameters = {
        "lr": LR, "momentum": MOMENTUM, "weight_decay": WEIGHT_DECAY, "schedule": "constant",
        "crop_padding": 0.125, "flip": "true",
    }  # fmt: skip
    command = [
        str(Path(sys.executable).with_name("zoo")), "bench", "--models", settings.model, "--data", "cifar10",
        # 64 images validate: the rest is what the others train on.
        "--limit-train", settings.images + 64, "--val-fraction", 64 / (settings.images + 64), "--limit-test", 100,
        "--recipes", "sgd_basic", "--epochs", settings.epochs, "--batch-size", BATCH_SIZE, "--seeds", 1,
        "--no-small-images", "--measure-seconds", 0, "--quiet", "--out", folder,
        *(["--threads", settings.threads] if settings.threads else []),
        *(part for key, value in hyperparameters.items() for part in ("--set", f"recipe.{key}={value}")),
    ]  # fmt: skip
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    (history,) = Path(folder).glob("*/history.jsonl")
    rows = [json.loads(line) for line in history.read_text().splitlines()]
    answer([row["images_per_second"] for row in rows if row.get("event") == "epoch"])
