"""Augmented training batches of 224 px from photographs: zoo's data path beside a DataLoader with PIL transforms.

    python benchmarks/data_path/compare.py FOLDER [--kind small|large] [--rounds 5]

All paths crop at random (area from 8 %), scale bilinearly, mirror and normalise, in turn within one run:

- ``loader N``: torch's DataLoader with N workers; PIL's ``RandomResizedCrop``, flip, ``ToTensor``, ``Normalize``
- ``decoded``: ``EpochBatches`` from the packed store of decoded photographs
- ``encoded``: the same from the files, nothing kept
- ``decoder``: the photographs decoded by the same threads, and nothing else: the limit of ``encoded``

The files are made by photographs.py. Ratios of medians are printed, and written as JSON with ``--json``: of images per
second, and of images per second of CPU time, which hold on a machine that is busy with other work too.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from photographs import CLASSES, make
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from harness.batches.epoch_batches import EpochBatches
from harness.batches.forward_settings import ForwardSettings
from harness.data.images import ImageSet, PreparedData
from harness.data.photographs.packed import write_packed
from harness.data.photographs.store import WholeStore
from harness.data.photographs.whole import decode_whole, rung_for
from harness.data.streaming_index import write_index
from harness.system.malloc import keep_freed_memory
from zoo import Hyperparameters, Recipe
from zoo.preparation import Preparation

SIZE, SMALLEST_AREA = 224, 0.08
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BATCH = {"small": 32, "large": 8}
REPEATS = {"decoded": 4}
"""Epochs per round, of those that would be over too soon."""


class PilFiles(Dataset[tuple[torch.Tensor, int]]):
    """Image files, read and transformed one by one, as in torchvision's references."""

    def __init__(self, paths: list[Path]) -> None:
        from torchvision import transforms

        self.paths = paths
        self.transform = transforms.Compose(
            [
                transforms.RandomResizedCrop(SIZE, scale=(SMALLEST_AREA, 1.0)),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        with Image.open(self.paths[index]) as image:
            return self.transform(image.convert("RGB")), index % CLASSES


def epochs_of(paths: list[Path], store: WholeStore, batch_size: int) -> Callable[[int], Iterator[object]]:
    """Return a function that yields the batches of an epoch, as the training step gets them."""
    count = len(paths)
    images = ImageSet(
        images_NHWC=np.broadcast_to(np.zeros(1, dtype=np.uint8), (count, SIZE, SIZE, 3)),
        labels_N=np.arange(count) % CLASSES,
        samples_N=np.arange(count, dtype=np.uint64),
        whole=store.load(),
    )
    prepared = PreparedData(
        folder=store.folder,
        fingerprint="",
        classes=tuple(map(str, range(CLASSES))),
        image_size=SIZE,
        channels=3,
        mean=MEAN,
        std=STD,
        mirror_symmetric=True,
        num_train=count,
        num_val=0,
        num_test=0,
        preparation=Preparation(interpolation="bilinear"),  # as RandomResizedCrop, unless told otherwise
    )
    hp = Hyperparameters(batch_size=batch_size, random_resized_crop=SMALLEST_AREA, flip=True)
    settings = ForwardSettings(device=torch.device("cpu"), normalization=prepared, channels_last=True)
    recipe = Recipe(name="crops", hyperparameters=lambda: hp)
    return EpochBatches(images, recipe, hp, prepared=prepared, seed=0, settings=settings).of_epoch


def stores(paths: list[Path], folder: Path) -> dict[str, WholeStore]:
    """Write the photographs to *folder*, decoded and as an index of their files."""
    found = {}
    for name in ("decoded", "encoded"):
        (folder / name).mkdir()
        if name == "encoded":
            write_index(folder / name, "train", paths)
        else:
            write_packed(folder / name, "train", paths, channels=3, rung=rung_for(SIZE))
        found[name] = WholeStore(
            folder=str(folder / name),
            split="train",
            num_images=len(paths),
            channels=3,
            rung=rung_for(SIZE),
            encoded=name == "encoded",
        )
    return found


def decoder(paths: list[Path], num_threads: int) -> Callable[[int], Iterator[object]]:
    contents = [path.read_bytes() for path in paths]

    def run(epoch: int) -> Iterator[object]:
        with ThreadPoolExecutor(num_threads) as threads:
            yield from threads.map(lambda content: decode_whole(content, channels=3, rung=rung_for(SIZE)), contents)

    return run


def seconds_of(batches: Iterator[object]) -> tuple[float, float]:
    """Return the time that all batches take, and the CPU time."""
    start, cpu_start = time.perf_counter(), cpu_seconds()
    for _ in batches:
        pass
    return time.perf_counter() - start, cpu_seconds() - cpu_start


def cpu_seconds() -> float:
    """Return the CPU time of this process and its workers (Linux)."""
    ticks = os.sysconf("SC_CLK_TCK")
    fields = [Path(f"/proc/{child.pid}/stat").read_text().split() for child in multiprocessing.active_children()]
    return time.process_time() + sum((int(each[13]) + int(each[14])) / ticks for each in fields)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", choices=BATCH, default="small")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, nargs="+", help="numbers of workers of the DataLoader to try")
    parser.add_argument("--json", type=Path, dest="json_file")
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    torch.set_num_threads(1)
    keep_freed_memory()  # as in a trial
    paths = make(options.folder, options.kind)
    batch_size = BATCH[options.kind]

    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        made = stores(paths, Path(folder))
        subjects = {name: epochs_of(paths, store, batch_size) for name, store in made.items()}
        subjects["decoder"] = decoder(paths, cores)
        for workers in options.workers or sorted({cores - 1, cores, cores + 1, 2 * cores}):
            loader = DataLoader(
                PilFiles(paths), batch_size, shuffle=True, num_workers=workers, persistent_workers=workers > 0
            )
            subjects[f"loader {workers}"] = lambda epoch, loader=loader: iter(loader)
        rates: dict[str, list[float]] = {name: [] for name in subjects}
        cpu_rates: dict[str, list[float]] = {name: [] for name in subjects}
        for number in range(options.rounds + 1):
            for name, of_epoch in subjects.items():
                repeats = REPEATS.get(name, 1)
                spent = [seconds_of(of_epoch(number * repeats + each + 1)) for each in range(repeats)]
                if number:  # the first warms up
                    rates[name].append(repeats * len(paths) / sum(wall for wall, _ in spent))
                    cpu_rates[name].append(repeats * len(paths) / sum(cpu for _, cpu in spent))

    told = {}
    for what, found in (("s", rates), ("CPU s", cpu_rates)):
        medians = {name: statistics.median(each) for name, each in found.items()}
        best = max(rate for name, rate in medians.items() if name.startswith("loader"))
        ratios = {
            "decoded / best loader": medians["decoded"] / best,
            "encoded / best loader": medians["encoded"] / best,
            "encoded / decoder": medians["encoded"] / medians["decoder"],
        }
        for name, rate in medians.items():
            print(f"{name:>10}: {rate:10,.1f} images/{what}")
        for name, ratio in ratios.items():
            print(f"{name}: {ratio:.2f}")
        told[what] = {"medians": medians, "ratios": ratios, "rates": found}
    if options.json_file is not None:
        options.json_file.write_text(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
