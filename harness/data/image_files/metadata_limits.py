"""Metadata limits: how much of what surrounds the pixels Pillow may read, as it has few limits of its own.

A photograph has tens of segments, tags or comments, in some tens of kilobytes. Pillow reads each piece in Python, and
joins Exif data by copying all that came before, so a file of 100 MB with millions of empty comments, or with 1,500
segments of Exif data, would take minutes. A file with more than these limits is refused.
"""

from __future__ import annotations

import io
import struct

from zoo.files.sizes import size_text

MAX_READS = 100_000
"""Maximum number of reads from a file; one more for each :data:`BYTES_PER_READ` bytes, because pixels are read in
blocks of some kilobytes."""
BYTES_PER_READ = 64
MAX_BLOCK_BYTES = 8 * 10**6
"""Maximum size of Exif data (64 kB in the standard), of Photoshop's blocks in a JPEG, and of a JPEG 2000 header."""
MAX_COMMENTS = 1000
"""Maximum number of comments between the pixels of a PPM file in text."""
MAX_TAG_VALUES = 500_000
"""Maximum number of values of a TIFF file's tags, such as one offset for each strip of rows."""

_BLOCKS = {b"Exif\0\0": "Exif data", b"Photoshop 3.0\0": "Photoshop's blocks"}
"""Beginnings of blocks that Pillow joins, or takes apart piece by piece."""
_JPEG_2000 = b"\0\0\0\x0cjP  "
_PLAIN_PPM = (b"P1", b"P2", b"P3")


class _Limited(io.BufferedIOBase):
    """A file object that raises a ``ValueError`` if Pillow reads too many pieces or too much of a block."""

    is_opening = True
    """Whether Pillow still reads the header."""
    _reads = 0
    _bytes = 0
    _block_bytes = 0
    _comments = 0
    _kind = b""

    def check(self) -> None:
        """Look at what begins the file, before Pillow does.

        Raises:
            ValueError: If it is a TIFF file whose tags have too many values.
        """
        self._kind = super().read(16)
        _check_tags(self, self._kind)
        self.seek(0)

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self._reads += 1
        self._bytes += len(data)
        if self._reads > MAX_READS + self._bytes // BYTES_PER_READ:
            raise ValueError(f"its metadata is in more than {MAX_READS:,} pieces")
        for start, name in _BLOCKS.items():
            if data.startswith(start):
                self._block_bytes += len(data)
                check_size(self._block_bytes, name)
        if self.is_opening and self._kind.startswith(_JPEG_2000):
            check_size(self._bytes, "a header")
        if self._kind.startswith(_PLAIN_PPM):
            self._comments += data.count(b"#")
            if self._comments > MAX_COMMENTS:
                raise ValueError(f"more than {MAX_COMMENTS:,} comments")
        return data


class LimitedBytes(_Limited, io.BytesIO):
    """Content in memory."""


class LimitedFile(_Limited, io.BufferedReader):
    """A file, by its raw object."""


def check_size(num_bytes: int, name: str) -> None:
    """Raise a ``ValueError`` if metadata of this name is larger than :data:`MAX_BLOCK_BYTES`."""
    if num_bytes > MAX_BLOCK_BYTES:
        raise ValueError(f"{name} of more than {size_text(MAX_BLOCK_BYTES)}")


_VALUE_BYTES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
"""Bytes of a value, by the number of its type, where each becomes an object in Python."""
_DIRECTORY_TAGS = frozenset({34665, 34853, 40965})
"""Tags that point to directories of Exif, of positions and of interoperability, which Pillow reads as well."""


def _check_tags(file: _Limited, head: bytes) -> None:
    """Count the values of a TIFF file's tags. What is broken or beyond the end of the file is left to Pillow."""
    order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
    version = head[2:4] if order == "<" else head[3:1:-1]
    if not order or version not in (b"*\0", b"+\0") or len(head) < 16:
        return
    offset_format, count_format, entry = ("Q", "Q", "HHQQ") if version == b"+\0" else ("L", "H", "HHLL")
    places = [struct.unpack_from(order + offset_format, head, 8 if offset_format == "Q" else 4)[0]]
    file_bytes, num_values, seen = file.seek(0, io.SEEK_END), 0, set()
    while places:
        place = places.pop()
        if place in seen or place >= file_bytes:
            continue
        seen.add(place)
        file.seek(place)
        start = file.read(struct.calcsize(count_format))
        if len(start) < struct.calcsize(count_format):
            continue
        width = struct.calcsize(order + entry)
        table = file.read(min(struct.unpack(order + count_format, start)[0], MAX_READS) * width)
        for tag, kind, count, value in struct.iter_unpack(order + entry, table[: len(table) // width * width]):
            if count * _VALUE_BYTES.get(kind, 0) <= file_bytes:
                num_values += count if kind in _VALUE_BYTES else 0
            if tag in _DIRECTORY_TAGS:
                places.append(value)
    if num_values > MAX_TAG_VALUES:
        raise ValueError(f"its tags have {num_values:,} values, more than {MAX_TAG_VALUES:,}")
