"""What an augmented photograph of 500×375 pixels costs, stage by stage: milliseconds of one core for each image.

    python benchmarks/data_path/stages.py

Each image goes through all stages before the next one, as in a thread of the data path, so that each stage finds in the
caches what it finds there. ``encoded / decoder`` in compare.py cannot exceed what decoding alone is of the sum, since
all cores are busy with one of the stages; this program prints that limit. ``write floats`` fills as much memory as the
floats of an image, in as many places as a batch has, which no data path that yields float32 can avoid.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from photographs import photograph

from harness.batches.crop_boxes import CropDraws, crop_box, is_mirrored
from harness.batches.normalization import Normalization, Normalizer
from harness.batches.photograph_crops import scale
from harness.data.photographs.whole import decode_whole, rung_for
from harness.data.streaming_index import EncodedIndex, write_index
from harness.system.malloc import keep_freed_memory

NUM, SIZE, SMALLEST_AREA, ROUNDS = 32, 224, 0.08, 9
STAGES = ("read", "decode", "scale", "mirror", "normalise")


def milliseconds(of_all: Callable[[], object]) -> float:
    """Return the time of this thread that an image takes, the least of several rounds."""
    spent = []
    for _ in range(ROUNDS):
        start = time.thread_time()
        of_all()
        spent.append((time.thread_time() - start) / NUM * 1e3)
    return min(spent)


def main() -> None:
    torch.set_num_threads(1)
    keep_freed_memory()  # as in a trial
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.jpg" for number in range(NUM)]
        for number, path in enumerate(paths):
            photograph(500, 375, number).save(path, "JPEG", quality=92)
        write_index(Path(folder), "train", paths)
        measure(EncodedIndex(Path(folder), "train"))


def measure(index: EncodedIndex) -> None:
    files = [index.read(number) for number in range(NUM)]
    draws = CropDraws(0, 1).of(range(NUM)).tolist()
    batch_BHWC = torch.zeros((NUM, SIZE, SIZE, 3))
    normalizer = Normalizer(
        Normalization(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)), torch.device("cpu"), channels_last=True
    )

    def decode_all() -> None:
        for file in files:
            decode_whole(file, channels=3, rung=rung_for(SIZE))

    def times(interpolation: str) -> list[float]:
        """Return the time at the start of each stage of an image, and at the end; summed over the images."""
        total = np.zeros(len(STAGES) + 1)
        for number, drawn in enumerate(draws):
            ticks = [time.thread_time()]
            file = index.read(number)
            ticks.append(time.thread_time())
            whole_HWC = decode_whole(file, channels=3, rung=rung_for(SIZE))
            ticks.append(time.thread_time())
            box = crop_box(drawn, *whole_HWC.shape[:2], smallest_area=SMALLEST_AREA)
            image_HWC = scale(whole_HWC, box, size=SIZE, interpolation=interpolation)  # type: ignore[arg-type]
            ticks.append(time.thread_time())
            if is_mirrored(drawn):
                image_HWC = image_HWC.flip(1)
            ticks.append(time.thread_time())
            normalizer.write(image_HWC, batch_BHWC[number].permute(2, 0, 1))
            ticks.append(time.thread_time())
            total += ticks
        return (total / NUM * 1e3).tolist()

    def least(interpolation: str) -> dict[str, float]:
        rounds = np.diff([times(interpolation) for _ in range(ROUNDS)], axis=1)
        return dict(zip(STAGES, rounds[rounds.sum(axis=1).argmin()].tolist(), strict=True))

    alone, spent, bicubic = milliseconds(decode_all), least("bilinear"), least("bicubic")
    for name, each in spent.items():
        print(f"{name:>16}: {each:.3f} ms")
    print(f"{'sum':>16}: {sum(spent.values()):.3f} ms")
    print(f"{'scale (bicubic)':>16}: {bicubic['scale']:.3f} ms")
    print(f"{'write floats':>16}: {milliseconds(lambda: batch_BHWC.fill_(0)):.3f} ms")
    print(f"{'decoding alone':>16}: {alone:.3f} ms")
    print(f"limit of encoded / decoder: {alone / sum(spent.values()):.2f}")


if __name__ == "__main__":
    main()
