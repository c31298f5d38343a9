"""MedMNIST's files: ``NAME.npz`` for 28 pixels, ``NAME_64.npz`` and so on for larger images.

Each has ``train_images`` ``[N, H, W]`` or ``[N, H, W, 3]`` and ``train_labels`` ``[N, 1]``, both uint8, and the same
for ``val`` and ``test``. Shape suffixes: N images, H height, W width, C channels.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from zoo import DataRequest, Split, Splits
from zoo.errors import DataError, UsageError

SIZES = (28, 64, 128, 224)
_FOLDER = "medmnist"
_CHUNK = 1 << 20


def find_file(request: DataRequest, name: str) -> Path:
    """Return the file of a dataset, which is downloaded to the data root if necessary and allowed.

    Raises:
        UsageError: If the option ``size`` is not a size of MedMNIST.
        DataError: If the file is missing and cannot be downloaded.
    """
    size = request.options.get("size", SIZES[0])
    if size not in SIZES:
        raise UsageError(f"data.size of {name} must be one of {', '.join(map(str, SIZES))}, got {size}")
    suffix = "" if size == SIZES[0] else f"_{size}"
    file = f"{name}{suffix}.npz"
    for path in (request.root / _FOLDER / file, request.root / file):
        if path.is_file():
            return path
    info = _info(name)
    url, target = info[f"url{suffix}"], request.root / _FOLDER / file
    if not request.download:
        raise DataError(f"{name} is missing: put {file} into {target.parent}; it can be downloaded from {url}")
    _download(url, target, info[f"MD5{suffix}"], request)
    return target


def read_splits(path: Path, name: str) -> Splits:
    """Read the splits and the class names of a dataset.

    Raises:
        DataError: If it is not a MedMNIST file, or belongs to another dataset.
    """
    labels = _info(name)["label"]
    try:
        # Opened here, because numpy leaves a file open if it is not an archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            splits = {each: _split(arrays, each) for each in ("train", "val", "test")}
        return Splits(classes=tuple(labels[str(k)] for k in range(len(labels))), **splits)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is not {name} as published by MedMNIST: {reason}; delete it and try again") from error


def _split(arrays: Any, name: str) -> Split:
    images, labels_N1 = arrays[f"{name}_images"], arrays[f"{name}_labels"]
    if labels_N1.ndim != 2 or labels_N1.shape[1] != 1:
        raise ValueError(f"{name}_labels is {list(labels_N1.shape)}, not one label for each image")
    images_NHWC = images if images.ndim == 4 else images[..., None]
    return Split(images=images_NHWC, labels=labels_N1[:, 0].astype(np.int64))


def _info(name: str) -> dict[str, Any]:
    import medmnist

    info: dict[str, Any] = medmnist.INFO[name]
    return info


def _download(url: str, target: Path, md5: str, request: DataRequest) -> None:
    """Download a file and verify its checksum; an incomplete file is never left behind."""
    digest = hashlib.md5(usedforsecurity=False)
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(url, timeout=60) as answer:
            total = int(answer.headers.get("Content-Length") or 0)
            handle, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
            temporary = Path(name)
            done = 0
            with os.fdopen(handle, "wb") as file:
                while chunk := answer.read(_CHUNK):
                    file.write(chunk)
                    digest.update(chunk)
                    done += len(chunk)
                    request.report(f"downloading {target.name}", done / total if total else None)
        if digest.hexdigest() != md5:
            raise DataError(f"the file from {url} is not the one that MedMNIST published: its MD5 is not {md5}")
        temporary.replace(target)
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror or error
        raise DataError(
            f"{target.name} cannot be downloaded from {url}: {reason}; put that file into {target.parent}"
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
