"""What the weights are worth: on few pictures, both ways of using them beat the same network from scratch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image
from sklearn.datasets import load_sample_image

SIDE = 64


def _photo(name: str) -> Image.Image:
    if name in ("china.jpg", "flower.jpg"):
        return Image.fromarray(load_sample_image(name))
    return Image.open(Path(skimage.data.__file__).parent / name).convert("RGB")


@pytest.fixture
def patches(tmp_path: Path) -> Path:
    """Patches of five photographs: those for training are of their left halves, those for testing of the right."""
    rng = np.random.default_rng(0)
    for name in ("chelsea.png", "coffee.png", "motorcycle_left.png", "china.jpg", "flower.jpg"):
        photo = _photo(name)
        for split, (start, end), count in (("train", (0.0, 0.5), 16), ("test", (0.5, 1.0), 30)):
            folder = tmp_path / "patches" / split / name.partition(".")[0]
            folder.mkdir(parents=True)
            for number in range(count):
                side = int(rng.integers(80, 160))
                left = int(rng.integers(start * photo.width, end * photo.width - side))
                top = int(rng.integers(0, photo.height - side))
                patch = photo.crop((left, top, left + side, top + side)).resize((SIDE, SIDE))
                patch.save(folder / f"{number:02d}.png")
    return tmp_path / "patches"


def test_frozen_and_fine_tuned_weights_beat_training_from_scratch(patches: Path, tmp_path: Path) -> None:
    def accuracies(*options: str) -> dict[str, float]:
        command = [
            sys.executable, "-c", "from zoo.cli import main; main()", "bench", "--models", "lite/efficientnet_lite0",
            "--data", f"folder:{patches}", "--seeds", "1", "--batch-size", "8", "--measure-seconds", "0",
            "--device", "cpu", "--image-size", str(SIDE), "--format", "json", "--quiet",
            "--out", str(tmp_path / "runs"), *options,
        ]  # fmt: skip
        environment = {**os.environ, "ZOO_CACHE": str(tmp_path / "cache")}
        done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        rows = json.loads(done.stdout)["tables"][0]["rows"]
        return {row["cells"]["recipe"]: row["cells"]["accuracy"] for row in rows}

    pretrained = accuracies("--recipes", "finetune,linear_probe", "--epochs", "8")
    (scratch,) = accuracies(
        "--recipes", "finetune", "--epochs", "8", "--set", "recipe.pretrained=false",
        "--set", "recipe.backbone_lr_scale=1",
    ).values()  # fmt: skip
    assert min(pretrained.values()) > scratch + 0.1, (pretrained, scratch)
