"""Makes photographs for the measurements: JPEG files with the detail of real ones, of 500×375 pixels and 12 megapixels.

    python benchmarks/data_path/photographs.py FOLDER

writes FOLDER/small (1,000 files of about 75 kB) and FOLDER/large (16 files of about 4 MB).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

KINDS = {"small": (500, 375, 1000, 92), "large": (4000, 3000, 16, 90)}
"""Width, height, number and JPEG quality."""
CLASSES = 10


def photograph(width: int, height: int, seed: int) -> Image.Image:
    """Blobs in octaves, each weaker than the one before, and the noise of a sensor."""
    rng = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), 127.0, dtype=np.float32)
    cell, strength = 256, 45.0
    while cell >= 2:
        grid = rng.normal(128, 40, (height // cell + 2, width // cell + 2, 3)).clip(0, 255).astype(np.uint8)
        size = (cell * grid.shape[1], cell * grid.shape[0])
        octave = np.asarray(Image.fromarray(grid).resize(size, Image.Resampling.BILINEAR), dtype=np.float32)
        pixels += (octave[:height, :width] - 128) / 40 * strength
        cell, strength = cell // 2, strength * 0.7
    pixels += rng.normal(0, 7, (height, width, 1)).astype(np.float32)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def make(folder: Path, kind: str) -> list[Path]:
    """Return the files of a kind, which are made if they are not there."""
    width, height, count, quality = KINDS[kind]
    paths = [folder / kind / str(number % CLASSES) / f"{number}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            photograph(width, height, number).save(path, quality=quality)
    return paths


if __name__ == "__main__":
    for each in KINDS:
        files = make(Path(sys.argv[1]), each)
        print(f"{each}: {len(files)} files of {sum(path.stat().st_size for path in files) / len(files) / 1000:,.0f} kB")
