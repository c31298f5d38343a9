"""What an augmented photograph of 500×375 pixels costs, stage by stage: milliseconds of one core for each image.

    python benchmarks/data_path/stages.py

``encoded / decoder`` in compare.py cannot exceed what decoding is of the sum of decoding, scaling, copying and
normalising, since all cores are busy with one of them; this program prints that limit. ``write floats`` fills memory
with as many floats as an image has, which no data path that yields float32 can avoid.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from itertools import cycle

import torch
from photographs import photograph

from harness.batches.crop_boxes import CropDraws, crop_box, is_mirrored
from harness.batches.normalization import Normalization, Normalizer
from harness.batches.photograph_crops import scale
from harness.data.photographs.whole import decode_whole, rung_for

NUM, SIZE, SMALLEST_AREA, ROUNDS = 32, 224, 0.08, 9


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
    files = []
    for number in range(NUM):
        file = io.BytesIO()
        photograph(500, 375, number).save(file, "JPEG", quality=92)
        files.append(file.getvalue())

    def decoded() -> list[object]:
        return [decode_whole(file, channels=3, rung=rung_for(SIZE)) for file in files]

    wholes = [decode_whole(file, channels=3, rung=rung_for(SIZE)) for file in files]
    draws = CropDraws(0, 1).of(range(NUM)).tolist()
    boxes = [crop_box(drawn, *whole.shape[:2], smallest_area=SMALLEST_AREA) for drawn, whole in zip(draws, wholes)]
    scaled = [scale(whole, box, size=SIZE, interpolation="bilinear") for whole, box in zip(wholes, boxes)]
    batch_BHWC = torch.empty((NUM, SIZE, SIZE, 3), dtype=torch.uint8)
    normalizer = Normalizer(
        Normalization(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)), torch.device("cpu"), channels_last=True
    )
    floats = torch.empty(SIZE * SIZE * 3)

    def scale_all(interpolation: str) -> None:
        for drawn, whole in zip(draws, wholes):
            box = crop_box(drawn, *whole.shape[:2], smallest_area=SMALLEST_AREA)
            scale(whole, box, size=SIZE, interpolation=interpolation)  # type: ignore[arg-type]

    def copy_all() -> None:
        for out_HWC, drawn, image_HWC in zip(batch_BHWC, draws, scaled):
            out_HWC.copy_(image_HWC.flip(1) if is_mirrored(drawn) else image_HWC)

    def write_floats() -> None:
        for _, value in zip(range(NUM), cycle((0.0, 1.0))):
            floats.fill_(value)

    copy_all()
    spent = {
        "decode": milliseconds(decoded),
        "scale": milliseconds(lambda: scale_all("bilinear")),
        "copy and mirror": milliseconds(copy_all),
        "normalise": milliseconds(lambda: normalizer(batch_BHWC.permute(0, 3, 1, 2))),
    }
    for name, each in spent.items():
        print(f"{name:>16}: {each:.3f} ms")
    print(f"{'scale (bicubic)':>16}: {milliseconds(lambda: scale_all('bicubic')):.3f} ms")
    print(f"{'write floats':>16}: {milliseconds(write_floats):.3f} ms")
    print(f"limit of encoded / decoder: {spent['decode'] / sum(spent.values()):.2f}")


if __name__ == "__main__":
    main()
