"""Array layouts: readers of published datasets in their original files of decoded pixels.

Each reader takes the folder that torchvision calls ``root`` and returns the official splits. No reader needs
torchvision, which takes seconds to import. Missing files raise ``FileNotFoundError``.
"""

from __future__ import annotations

import gzip
import math
import pickle
import string
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins.datasets._files import files_signature, lines_of
from plugins.datasets._matlab import variables_of
from zoo import Split, Splits
from zoo.errors import DataError
from zoo.files.plain_files import ARRAY, open_plain, read_bytes
from zoo.files.sizes import size_text
from zoo.options import Option

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_MAX_IDX_BYTES = 2 * 10**9
"""Size of an IDX file; the largest part of EMNIST has 550 MB."""


class _PlainUnpickler(pickle.Unpickler):
    """Unpickles only arrays and plain values, so that untrusted CIFAR files cannot run code."""

    def find_class(self, module: str, name: str) -> Any:
        import numpy as np

        if (module, name) in (("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct")):
            return np.ndarray.__reduce__(np.empty(0))[0]
        if (module, name) == ("numpy", "ndarray"):
            return np.ndarray
        if (module, name) == ("numpy", "dtype"):
            return np.dtype
        if (module, name) == ("_codecs", "encode"):
            import codecs

            return codecs.encode
        raise pickle.UnpicklingError(f"{module}.{name} is not expected in it")


def _unpickled(path: Path) -> Any:
    with open_plain(path, ARRAY) as file:
        return _PlainUnpickler(file, encoding="latin1").load()


def read_cifar(root: Path, folder: str, train_files: Sequence[str], test_file: str, meta: tuple[str, str]) -> Splits:
    """Read CIFAR's Python version: batches of pickled ``[N, 3072]`` bytes, channels first."""
    import numpy as np

    label_key = "fine_labels" if meta[1].startswith("fine") else "labels"

    def split(names: Sequence[str]) -> Split:
        paths = [root / folder / name for name in names]
        batches = [_unpickled(path) for path in paths]
        images_NCHW = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32)
        return Split(
            images=np.ascontiguousarray(images_NCHW.transpose(0, 2, 3, 1)),
            labels=np.concatenate([np.asarray(batch[label_key], dtype=np.int64) for batch in batches]),
            signature=files_signature(paths),
        )

    names = _unpickled(root / folder / meta[0])[meta[1]]
    return Splits(classes=tuple(names), train=split(train_files), test=split([test_file]))


def read_cifar10(root: Path, options: dict[str, Option]) -> Splits:
    """Read CIFAR-10."""
    batches = [f"data_batch_{number}" for number in range(1, 6)]
    return read_cifar(root, "cifar-10-batches-py", batches, "test_batch", ("batches.meta", "label_names"))


def read_cifar100(root: Path, options: dict[str, Option]) -> Splits:
    """Read CIFAR-100 with its 100 fine classes."""
    return read_cifar(root, "cifar-100-python", ["train"], "test", ("meta", "fine_label_names"))


def find_plain_or_gz(path: Path) -> Path:
    """Return *path*, or ``path.gz`` if only that exists."""
    return path if path.is_file() else path.with_name(f"{path.name}.gz")


def _idx(path: Path) -> NDArray[np.uint8]:
    """Read an IDX file of bytes as described on MNIST's page: 0, 0, type, dimensions, big-endian shape, data."""
    import numpy as np

    path = find_plain_or_gz(path)
    with open_plain(path, ARRAY) as file, gzip.open(file) if path.suffix == ".gz" else nullcontext(file) as content:
        head = content.read(4)
        if len(head) < 4 or head[:3] != b"\0\0\x08":
            raise DataError(f"{path} is not an IDX file of bytes")
        shape = np.frombuffer(content.read(4 * head[3]), dtype=">u4").tolist()
        num_bytes = math.prod(shape)
        # A compressed file of a megabyte may hold gigabytes.
        if num_bytes > _MAX_IDX_BYTES:
            raise DataError(f"{path} states {size_text(num_bytes)}, and may have up to {size_text(_MAX_IDX_BYTES)}")
        raw = content.read(num_bytes)
        if len(shape) != head[3] or len(raw) != num_bytes or content.read(1):
            has = "more" if len(raw) == num_bytes else f"{len(raw):,} bytes"
            raise DataError(f"{path} is truncated: {has} for the shape {shape}")
    return np.frombuffer(raw, dtype=np.uint8).reshape(shape)


def _read_idx(
    folder: Path, prefixes: tuple[str, str], classes: Sequence[str], *, first_label: int = 0, transposed: bool = False
) -> Splits:
    import numpy as np

    def split(prefix: str) -> Split:
        paths = [folder / f"{prefix}-images-idx3-ubyte", folder / f"{prefix}-labels-idx1-ubyte"]
        images_NHW, labels = map(_idx, paths)
        if transposed:
            images_NHW = images_NHW.swapaxes(1, 2)
        return Split(
            images=np.ascontiguousarray(images_NHW)[..., None],
            labels=labels.astype(np.int64) - first_label,
            signature=files_signature(map(find_plain_or_gz, paths)),
        )

    return Splits(classes=tuple(classes), train=split(prefixes[0]), test=split(prefixes[1]))


def read_mnist(root: Path, options: dict[str, Option]) -> Splits:
    """Read MNIST."""
    return _read_idx(root / "MNIST" / "raw", ("train", "t10k"), string.digits)


def read_fashion_mnist(root: Path, options: dict[str, Option]) -> Splits:
    """Read Fashion-MNIST."""
    classes = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
    return _read_idx(root / "FashionMNIST" / "raw", ("train", "t10k"), classes)


def read_kmnist(root: Path, options: dict[str, Option]) -> Splits:
    """Read Kuzushiji-MNIST."""
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]
    return _read_idx(root / "KMNIST" / "raw", ("train", "t10k"), classes)


def read_emnist(root: Path, options: dict[str, Option]) -> Splits:
    """Read EMNIST. The images, which are transposed in its files, are turned upright, and letters count from 0."""
    split = str(options["split"])
    merged = sorted(set(string.digits + string.ascii_letters) - set("cijklmopsuvwxyz"))
    classes = {
        "byclass": sorted(string.digits + string.ascii_letters),
        "bymerge": merged,
        "balanced": merged,
        "letters": list(string.ascii_lowercase),
        "digits": list(string.digits),
        "mnist": list(string.digits),
    }[split]
    folder = root / "EMNIST" / "raw"
    if not find_plain_or_gz(folder / f"emnist-{split}-train-images-idx3-ubyte").is_file():
        folder /= "gzip"
    return _read_idx(
        folder,
        (f"emnist-{split}-train", f"emnist-{split}-test"),
        classes,
        first_label=1 if split == "letters" else 0,
        transposed=True,
    )


def read_svhn(root: Path, options: dict[str, Option]) -> Splits:
    """Read SVHN's cropped digits. The digit 0, which is class 10 in its files, becomes class 0."""
    import numpy as np

    paths = [root / f"{name}_32x32.mat" for name in ("train", "test")]

    def split(path: Path, content: dict[str, Any]) -> Split:
        return Split(
            images=np.ascontiguousarray(content["X"].transpose(3, 0, 1, 2)),
            labels=content["y"].astype(np.int64).ravel() % 10,
            signature=files_signature([path]),
        )

    train, test = map(split, paths, variables_of(*paths))
    return Splits(classes=tuple(string.digits), train=train, test=test)


def read_stl10(root: Path, options: dict[str, Option]) -> Splits:
    """Read STL-10's labelled images; its predefined folds and unlabelled images are not used."""
    import numpy as np

    folder = root / "stl10_binary"

    def split(name: str) -> Split:
        paths = [folder / f"{name}_X.bin", folder / f"{name}_y.bin"]
        images_NCWH = np.frombuffer(read_bytes(paths[0], ARRAY), dtype=np.uint8).reshape(
            -1, 3, 96, 96
        )  # columns come first
        return Split(
            images=np.ascontiguousarray(images_NCWH.transpose(0, 3, 2, 1)),
            labels=np.frombuffer(read_bytes(paths[1], ARRAY), dtype=np.uint8).astype(np.int64) - 1,
            signature=files_signature(paths),
        )

    return Splits(classes=tuple(lines_of(folder / "class_names.txt")), train=split("train"), test=split("test"))
