"""Datasets on the Hugging Face Hub: ``hf:NAME`` (needs the extra ``zoobench[datasets]``)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, overload

from plugins.datasets._assembly import TEST_OPTION, assemble
from plugins.datasets._files import files_signature
from plugins.datasets._split_names import role_of
from zoo import DataRequest, Dataset, Split, Splits, hookimpl
from zoo.errors import DataError, UsageError
from zoo.files.plain_files import IMAGE, read_bytes

_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*")


class _HubImages(Sequence[bytes]):
    """The encoded images of a split, read on access."""

    def __init__(self, split: Any, column: str, roots: Sequence[Path]) -> None:
        from datasets import Image

        self._column, self._roots = column, roots
        self._split = split.select_columns([column]).cast_column(column, Image(decode=False))

    def __len__(self) -> int:
        return len(self._split)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        return image_content(self._split[index][self._column], self._roots)


def image_content(value: Mapping[str, Any], roots: Sequence[Path]) -> bytes:
    """Return an image of a row, which has its bytes or the path of a file that was downloaded with the dataset.

    Raises:
        DataError: If the path leads out of *roots*: a row could name any file of this machine.
        OSError: If the file cannot be read.
    """
    if value["bytes"] is not None:
        content: bytes = value["bytes"]
        return content
    path = Path(value["path"]).resolve()
    if not any(path.is_relative_to(root.resolve()) for root in roots):
        raise DataError(
            f"a row of the dataset names the file {value['path']!r}, which does not belong to it: expected images in "
            "the table, or files that were downloaded with it"
        )
    return read_bytes(path, IMAGE)


def _roots(datasets: Any, request: DataRequest) -> list[Path]:
    """Return the folders that the files of a dataset may lie in: the caches, and a folder that stands for it."""
    from huggingface_hub import constants

    config = datasets.config
    named = Path("/".join(request.argument.split("/")[:2]))
    caches = (config.HF_DATASETS_CACHE, config.DOWNLOADED_DATASETS_PATH, constants.HF_HUB_CACHE)
    return [request.root / "hf", *map(Path, caches), *([named] if named.is_dir() else [])]


def load_hub(request: DataRequest) -> Splits:
    """Load ``NAME`` or ``NAME/CONFIGURATION`` with the ``datasets`` library, into ``hf`` in the data root.

    The columns are detected by their types: the only Image column and, unless ``data.label`` is set, the first
    ClassLabel column.

    Raises:
        UsageError: If the name is missing, or is not a valid name on the Hub.
        DataError: If the library is missing, the Hub cannot be reached, or the dataset has no labelled images.
    """
    if not request.argument:
        raise UsageError("hf needs a name, as in hf:uoft-cs/cifar10")
    if not _NAME.fullmatch(request.argument):
        # The library would interpret it as a path, and search everything below the first folder.
        raise UsageError(
            f"hf:{request.argument} is not the name of a dataset on the hub, such as hf:uoft-cs/cifar10; for your own "
            "files there are folder:PATH, parquet:PATH, csv:PATH and tar:PATH"
        )
    try:
        import datasets
    except ImportError as error:
        raise DataError(
            f"hf:{request.argument} needs the library 'datasets': install it with pip install 'zoobench[datasets]'"
        ) from error
    parts = _download(datasets, request)
    features = next(iter(parts.values())).features
    image, label = _columns(datasets, features, request)
    roots = _roots(datasets, request)
    splits: dict[str, Split] = {}
    left_out: list[str] = []
    for name, part in parts.items():
        word = role_of(name)
        if not word or word in splits:
            left_out.append(f"the split {name!r} left out: it is none of train, validation and test")
            continue
        labels = part.with_format("numpy")[label][:]
        if (labels < 0).all():
            left_out.append(f"the split {name!r} left out: its labels are not public")
            continue
        splits[word] = Split(
            encoded=_HubImages(part, image, roots),
            labels=labels.astype("int64"),
            signature=files_signature(Path(each["filename"]) for each in part.cache_files),
        )
    if "train" not in splits:
        raise DataError(f"hf:{request.argument} has no labelled train split; it has {', '.join(parts)}")
    return assemble(
        tuple(features[label].names), splits, request.options, source=f"hf:{request.argument}", notes=left_out
    )


def _download(datasets: Any, request: DataRequest) -> Any:
    pieces = request.argument.split("/")
    name, configuration = "/".join(pieces[:2]), "/".join(pieces[2:]) or None
    request.report(f"loading hf:{request.argument}", None)
    try:
        with nullcontext() if request.download else _offline(datasets):
            return datasets.load_dataset(name, configuration, cache_dir=str(request.root / "hf"))
    except Exception as error:  # the library passes on errors of the Hub, the file system and the network
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise DataError(
            f"hf:{request.argument} cannot be loaded from the hub or from {request.root / 'hf'}: {reason}"
        ) from error


@contextmanager
def _offline(datasets: Any) -> Iterator[None]:
    """Keep the libraries off the network; they read their environment variables only on import."""
    from huggingface_hub import constants

    before = datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE = before


def _columns(datasets: Any, features: Any, request: DataRequest) -> tuple[str, str]:
    images = [name for name, kind in features.items() if isinstance(kind, datasets.Image)]
    labels = [name for name, kind in features.items() if isinstance(kind, datasets.ClassLabel)]
    wanted = request.options.get("label") or (labels[0] if labels else None)
    if len(images) != 1 or wanted not in labels:
        raise DataError(
            f"hf:{request.argument} must have one image column and a class label column; images: "
            f"{', '.join(images) or 'none'}; labels: {', '.join(labels) or 'none'}"
        )
    return images[0], str(wanted)


@hookimpl
def zoo_datasets() -> Iterable[Dataset]:
    """Yield ``hf``."""
    yield Dataset(
        name="hf",
        load=load_hub,
        summary="a dataset on the Hugging Face hub, by its name there",
        argument="NAME",
        options={"label": "", **TEST_OPTION},
        libraries=("datasets",),
    )
