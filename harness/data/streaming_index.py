"""The index of a split that is not kept decoded: the file and position of each encoded image.

It is written beside the labels, so that any process can read the images in any order without the dataset's code. Images
that a dataset provides as bytes are packed into one file there; files, and parts of files such as members of a tar
file, stay where they are. Their sizes and modification times are recorded, and files that have changed are not read.

==================  =================================================================================
``SPLIT-places``    ``int64 [N, 3]``: number of the file, offset and size in bytes of each image
``SPLIT-states``    ``int64 [F, 3]``: end of the path in ``paths``, size and modification time of each file
``SPLIT-paths``     ``uint8``: concatenated paths; relative ones are in the index's folder
``SPLIT-encoded``   images provided as bytes, packed
==================  =================================================================================

Where images are kept decoded, there is such an index of a few test images, with which decoding is measured.

Shape suffixes: N images, F files.
"""

from __future__ import annotations

import contextlib
import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.array_files import load_array
from harness.data.image_files.opening import Encoded, UnreadableImageError
from harness.faults.errors import TrialError
from harness.records.record import FailureKind
from zoo.dataset import FilePart
from zoo.files.plain_files import PACK, open_plain

SAMPLE_IMAGES, SAMPLE_BYTES = 64, 16 << 20

_UNTIMED = -1
"""Placeholder for the modification time of a packed file, which may be copied along with its index."""


def write_index(folder: Path, split: str, items: Iterable[Encoded]) -> None:
    """Write the files and positions of *items* to *folder*.

    Raises:
        OSError: If a file is missing, or the index cannot be written.
    """
    numbers: dict[Path, int] = {}  # of files that hold several images
    # Arrays, because a million tuples would take a gigabyte.
    places, states, raw = array("q"), array("q"), bytearray()
    packed = Path(f"{split}-encoded.bin")
    packed_size = 0

    def add(path: Path, size: int, time_ns: int) -> int:
        raw.extend(os.fsencode(path))
        states.extend((len(raw), size, time_ns))
        return len(states) // 3 - 1

    def add_file(path: Path) -> tuple[int, int]:
        status = path.stat()
        return add(path, status.st_size, status.st_mtime_ns), status.st_size

    with (folder / packed).open("wb") as file:
        for item in items:
            if isinstance(item, bytes):
                if packed not in numbers:
                    numbers[packed] = add(packed, 0, _UNTIMED)
                file.write(item)
                places.extend((numbers[packed], packed_size, len(item)))
                packed_size += len(item)
            elif isinstance(item, FilePart):
                path = item.path.absolute()
                if path not in numbers:
                    numbers[path], _ = add_file(path)
                places.extend((numbers[path], item.start, item.size))
            else:
                number, size = add_file(item.absolute())
                places.extend((number, 0, size))
        if packed in numbers:
            states[3 * numbers[packed] + 1] = packed_size
        file.flush()
        os.fsync(file.fileno())
    if packed not in numbers:
        (folder / packed).unlink()
    np.save(folder / f"{split}-places.npy", np.array(places, dtype=np.int64).reshape(-1, 3))
    np.save(folder / f"{split}-states.npy", np.array(states, dtype=np.int64).reshape(-1, 3))
    np.save(folder / f"{split}-paths.npy", np.frombuffer(raw, dtype=np.uint8))


def write_sample(folder: Path, split: str, encoded: Sequence[Encoded], places: Sequence[int]) -> None:
    """Write an index of up to :data:`SAMPLE_IMAGES` of the images at *places*, evenly spread over them.

    Images provided as bytes are copied, up to :data:`SAMPLE_BYTES`. Nothing is written if a file is not there.
    """
    chosen = dict.fromkeys(np.linspace(0, len(places) - 1, SAMPLE_IMAGES, dtype=np.int64).tolist()) if places else ()

    def items() -> Iterator[Encoded]:
        copied = 0
        for place in chosen:
            item = encoded[places[place]]
            if isinstance(item, bytes):
                copied += len(item)
                if copied > SAMPLE_BYTES:
                    return
            yield item

    with contextlib.suppress(OSError):  # a sample only serves to measure
        write_index(folder, split, items())


class EncodedIndex:
    """The encoded images of a split, read by index. It keeps no file open, so it is thread-safe and fork-safe."""

    def __init__(self, folder: Path, split: str) -> None:
        def load(what: str) -> NDArray[Any]:
            # As plain arrays, which are read from in less time than the type of mapped ones.
            return np.asarray(load_array(folder / f"{split}-{what}.npy", mapped=True))

        self._folder = folder
        self._places_N3, self._states_F3, self._paths = load("places"), load("states"), load("paths")

    def __len__(self) -> int:
        return len(self._places_N3)

    def path(self, index: int) -> Path:
        """Return the file that contains an image."""
        number = int(self._places_N3[index, 0])
        start = int(self._states_F3[number - 1, 0]) if number else 0
        return self._folder / os.fsdecode(self._paths[start : int(self._states_F3[number, 0])].tobytes())

    def read(self, index: int) -> bytes:
        """Return an encoded image.

        Raises:
            UnreadableImageError: If the file is missing, or has changed since the index was written.
        """
        number, start, size = self._places_N3[index].tolist()
        _, known_size, known_time = self._states_F3[number].tolist()
        try:
            with open_plain(self.path(index), PACK).detach() as file:
                status = os.fstat(file.fileno())
                if status.st_size != known_size or known_time not in (_UNTIMED, status.st_mtime_ns):
                    raise UnreadableImageError("its file has changed since the dataset was prepared")
                file.seek(start)
                content = file.read(size)
        except OSError as error:
            raise UnreadableImageError(error.strerror or str(error)) from error
        return content

    def decoded(self, index: int, decode: Callable[[bytes], NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Return what *decode* makes of an encoded image.

        Raises:
            TrialError: If it cannot be read or decoded any more.
        """
        try:
            return decode(self.read(index))
        except UnreadableImageError as error:
            raise TrialError(
                FailureKind.DATA,
                f"image {index} in {self.path(index)} could be read when the dataset was prepared, and now it cannot: "
                f"{error}",
            ) from error
