"""torchvision's classification datasets by their usual names, with the official splits.

Each dataset is looked up in the data root as Parquet files (``ROOT/cifar10/train-….parquet``, ``test-….parquet``), then
as torchvision's files (``ROOT/cifar-10-batches-py``), which are downloaded otherwise.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from plugins.datasets.parquet.loading import load_parquet
from plugins.datasets.published.dataset import Published
from plugins.datasets.published.sets import PUBLISHED
from zoo import DataRequest, Dataset, Splits, hookimpl
from zoo.errors import DataError, UsageError, ZooError
from zoo.options import Option
from zoo.pretraining import IMAGENET_21K


def _load(published: Published, request: DataRequest) -> Splits:
    options = published.defaults | dict(request.options)
    for name, values in published.choices.items():
        if options[name] not in values:
            listed = ", ".join(map(str, values))
            raise UsageError(f"data.{name} = {options[name]!r}: {published.name} has {listed}")
    own = request.root / published.name
    if not published.choices and (any(own.glob("*.parquet")) or any(own.glob("*/*.parquet"))):
        with _damage_named(published, own):
            splits = load_parquet(own, validation_is_test=published.name == "imagenet")
            return _in_its_order(published, _checked(published, splits, own))
    root = _find(published, request.root, options)
    if root is None:
        where = published.layout.format(*options.values())
        parquet = f", or Parquet files: {published.name}/train-….parquet and {published.name}/test-….parquet"
        hint = f"put its files there, such as {where}{'' if published.choices else parquet}"
        if not published.resources:
            missing = f"{published.name} is not in the data root {request.root}"
            raise DataError(f"{missing} and has no public download: {hint}")
        from plugins.datasets.published.download import fetch  # imports network modules, which takes time

        fetch(published.name, published.resources, request, hint=hint)
        root = request.root
    with _damage_named(published, root):
        return _checked(published, published.read(root, options), root)


@contextmanager
def _damage_named(published: Published, root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{published.name} in {root} is incomplete: {error.filename}: {error.strerror or error}"
        ) from error
    except (ZooError, ImportError):
        raise
    except Exception as error:  # a damaged pickle, MAT file or header may end in any error at all
        raise DataError(f"{published.name} in {root} is damaged: {type(error).__name__}: {error}") from error


def _find(published: Published, data_root: Path, options: dict[str, Option]) -> Path | None:
    """Return the root for the reader: the data root, or the dataset's folder in it."""
    layout = Path(published.layout.format(*options.values()))
    for root in (data_root, data_root / published.name):
        for path in (root / layout, root / layout.with_name(f"{layout.name}.gz")):
            if path.exists():
                return root
    return None


def _checked(published: Published, splits: Splits, where: Path) -> Splits:
    expected = published.hints.get("num_classes")
    if expected is not None and len(splits.classes) != expected:
        raise DataError(f"{where} holds {len(splits.classes):,} classes, but {published.name} has {expected:,}")
    return splits


def _in_its_order(published: Published, splits: Splits) -> Splits:
    """Return *splits*, whose test split says so if it is not in the published order, as tables may be shuffled."""
    if splits.test is None or not published.test_labels:
        return splits
    found = hashlib.sha256(bytes(splits.test.labels.tolist())).hexdigest()
    if found == published.test_labels:
        return splits
    return replace(splits, test=replace(splits.test, is_in_published_order=False))


# Where test images come from; those of the others were gathered for the dataset itself.
_COLLECTIONS = {
    "cifar10": ("tiny_images",),
    "cifar100": ("tiny_images",),
    "stl10": (IMAGENET_21K,),  # Coates, Ng and Lee 2011
    "imagenet": ("imagenet1k_val",),
}


@hookimpl
def zoo_datasets() -> Iterable[Dataset]:
    """Yield torchvision's classification datasets."""
    for published in PUBLISHED:
        yield Dataset(
            name=published.name,
            load=functools.partial(_load, published),
            summary=published.summary,
            source=published.source,
            options=published.defaults,
            collections=_COLLECTIONS.get(published.name, (published.name,)),
            **published.hints,
        )
