"""The history of a trial: a line of JSON for each phase and each epoch, appended while it runs.

Each line carries a sum over its own row, so that a torn or damaged one is left out, and never read as other numbers.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_SUM = "crc32"


class HistoryWriter:
    """Appends rows; each is one ``write`` of one line, so that a reader never sees two torn ones."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def write(self, row: dict[str, Any]) -> None:
        """Append *row*."""
        line = memoryview(encode_row(row))
        while line:  # a disk that is nearly full takes a part, and refuses the rest
            line = line[self._file.write(line) :]

    def sync(self) -> None:
        """Make what was written durable."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class HistoryTail:
    """Reads the rows that were added since it last looked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: tuple[int, int] | None = None
        self._offset = 0

    def new_rows(self) -> Iterator[dict[str, Any]]:
        """Yield whole new rows; a torn last line waits until the rest of it is there.

        An attempt that continues a trial puts another file in the place of the last one's; that is read from its start.
        """
        try:
            with self._path.open("rb") as file:
                found = os.fstat(file.fileno())
                if self._file != (found.st_dev, found.st_ino) or found.st_size < self._offset:
                    self._file, self._offset = (found.st_dev, found.st_ino), 0
                file.seek(self._offset)
                content = file.read()
        except FileNotFoundError:
            return
        whole, newline, _ = content.rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        yield from _parse(whole)


def read_history(path: Path) -> list[dict[str, Any]]:
    """Return all whole rows of a history, possibly none."""
    return list(HistoryTail(path).new_rows())


def encode_row(row: dict[str, Any]) -> bytes:
    """Return *row* as a line with its sum; NaN and infinity are refused."""
    return json.dumps({**row, _SUM: _sum_of(row)}, allow_nan=False).encode() + b"\n"


def _sum_of(row: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(row).encode())


def _parse(content: bytes) -> Iterator[dict[str, Any]]:
    for line in content.split(b"\n"):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue  # a line that a crash tore, and a later attempt ended
        if isinstance(row, dict) and row.pop(_SUM, None) == _sum_of(row):
            yield row
