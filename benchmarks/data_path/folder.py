"""A folder of the size of ImageNet: time and memory to find, split and index its files, and to start again.

    python benchmarks/data_path/folder.py FOLDER [--files 1280000]

FOLDER/links is filled with hard links to 1,000 small photographs, in 1,000 class folders, unless it is there. What is
timed is all that a bench does before it decodes or reads an image: listing the files, splitting them, identifying them
by size and time, and writing the index that trials read encoded images from. The second start lists and identifies them
once more.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from photographs import photograph

from harness.data.cache_key import cache_key
from harness.data.image_shape import Wanted
from harness.data.splitting import make_parts
from harness.data.streaming_index import EncodedIndex, write_index
from harness.records.spec import DatasetSpec, ProviderSpec
from zoo.dataset import DataRequest, Dataset
from zoo.loading import build_catalog
from zoo.preparation import Preparation

CLASSES, SOURCES = 1000, 1000


def make_links(folder: Path, count: int) -> None:
    """Fill *folder* with hard links; a file system allows some ten thousand for each file."""
    sources = folder.with_name("sources")
    sources.mkdir(parents=True, exist_ok=True)
    for number in range(SOURCES):
        if not (sources / f"{number}.jpg").exists():
            photograph(80, 60, number).save(sources / f"{number}.jpg")
    for number in range(CLASSES):
        (folder / f"n{number:08}").mkdir(parents=True, exist_ok=True)
    for number in range(count):
        link = folder / f"n{number % CLASSES:08}" / f"{number}.jpg"
        if not link.exists():
            link.hardlink_to(sources / f"{number * 7 % SOURCES}.jpg")


def cpu_seconds() -> float:
    """Return the processor time of this process and of those that have listed folders for it."""
    return sum(os.times()[:4])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=1_280_000)
    options = parser.parse_args()
    links = options.folder / f"links-{options.files}"
    if not (options.folder / f"made-{options.files}").exists():
        make_links(links, options.files)
        (options.folder / f"made-{options.files}").touch()

    dataset: Dataset = build_catalog().datasets.get("folder").record
    request = DataRequest(root=options.folder, argument=str(links), options=dict(dataset.options))
    spec = DatasetSpec(full_name="zoo/folder", display_name="folder", provider=ProviderSpec(plugin="folder"))
    wanted = Wanted(preparation=Preparation(size=224))
    start, cpu_start = time.perf_counter(), cpu_seconds()

    def step(name: str) -> None:
        nonlocal start, cpu_start
        seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu_start
        unit = 1024 if sys.platform != "darwin" else 1024**2
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
        print(f"{name:<12} {seconds:6.1f} s   {cpu:6.1f} CPU s   peak memory {peak:5,.0f} MiB", flush=True)
        start, cpu_start = time.perf_counter(), cpu_seconds()

    splits = dataset.load(request)
    step("list")
    parts, _ = make_parts(splits, val_fraction=0.1, limit_train=None, limit_test=None)
    step("split")
    key = cache_key(dataset, spec, splits, wanted)
    step("identify")
    with tempfile.TemporaryDirectory() as folder:
        for name, part in parts.items():
            assert part.source.encoded is not None
            source = part.source.encoded
            write_index(Path(folder), name, (source[index] for index in part.indices.tolist()))
        step("index")
        del splits, parts
        again = dataset.load(request)
        step("list again")
        assert cache_key(dataset, spec, again, wanted) == key
        step("and identify")
        assert sum(len(EncodedIndex(Path(folder), name)) for name in ("train", "val", "test")) == options.files
    print(f"{os.cpu_count()} processors")


if __name__ == "__main__":
    main()
