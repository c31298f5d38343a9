"""Images that a call of ``zoo.bench`` was given, from the cache: ``given:NAME``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

from plugins.datasets._assembly import TEST_OPTION
from plugins.datasets.parquet.loading import load_parquet
from zoo import DataRequest, Dataset, Splits, hookimpl
from zoo.errors import DataError
from zoo.files.cache import cache_root
from zoo.files.plain_files import FACTS, read_bytes


def load_given(request: DataRequest) -> Splits:
    """Read what ``zoo.bench(data=…)`` has kept.

    Raises:
        DataError: If it is no longer in the cache.
    """
    folder = cache_root() / "given" / request.argument
    if not (folder / "notes.json").is_file() or folder.parent.name != "given" or request.argument.startswith("."):
        raise DataError(f"given: {request.argument} is not in the cache: call zoo.bench again with the images")
    notes = json.loads(read_bytes(folder / "notes.json", FACTS))
    splits = load_parquet(folder, request.options)
    return replace(splits, notes=(*splits.notes, *map(str, notes)))


@hookimpl
def zoo_datasets() -> Iterable[Dataset]:
    """Yield ``given``."""
    yield Dataset(
        name="given",
        load=load_given,
        summary="images that zoo.bench was given in Python, from the cache",
        argument="NAME",
        options={**TEST_OPTION},
    )
