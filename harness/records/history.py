"""The history of a trial: a line of JSON for each phase and each epoch, appended while it runs.

Each line has a checksum of its row, so that a torn or damaged line is skipped instead of being read as other numbers.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoo.files.foreign_json import parse_json
from zoo.files.plain_files import HISTORY, open_plain, read_rest

LR_TEST_EVENT = "lr_test"
"""Event of the row with the numbers of a range test: ``lrs`` and ``losses``, one for each step."""

_SUM = "crc32"


class HistoryWriter:
    """Appends rows, each with a single ``write`` of a line, so that at most the last line is ever torn."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def write(self, row: dict[str, Any]) -> None:
        """Append *row*."""
        line = memoryview(encode_row(row))
        while line:  # a nearly full disk accepts only a part
            line = line[self._file.write(line) :]

    def sync(self) -> None:
        """Make the written rows durable."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class HistoryTail:
    """Reads rows that were added since the last call."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: tuple[int, int] | None = None
        self._offset = 0

    def new_rows(self) -> Iterator[dict[str, Any]]:
        """Yield complete new rows; a torn last line is read once the rest of it has been written.

        An attempt that resumes a trial replaces the file; the new file is read from its start.
        """
        try:
            with open_plain(self._path, HISTORY) as file:
                found = os.fstat(file.fileno())
                if self._file != (found.st_dev, found.st_ino) or found.st_size < self._offset:
                    self._file, self._offset = (found.st_dev, found.st_ino), 0
                file.seek(self._offset)
                content = read_rest(file, self._path, HISTORY)
        except FileNotFoundError:
            return
        whole, newline, _ = content.rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        yield from _parse(whole)


def read_history(path: Path) -> list[dict[str, Any]]:
    """Return all intact rows of a history, possibly none."""
    return list(HistoryTail(path).new_rows())


def encode_row(row: dict[str, Any]) -> bytes:
    """Return *row* as a line with a checksum; NaN and infinity raise an error."""
    return json.dumps({**row, _SUM: _sum_of(row)}, allow_nan=False).encode() + b"\n"


def _sum_of(row: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(row).encode())


def _parse(content: bytes) -> Iterator[dict[str, Any]]:
    for line in content.split(b"\n"):
        try:
            row = parse_json(line)
        except ValueError:
            continue  # torn by a crash; a later attempt has ended the line
        if isinstance(row, dict) and row.pop(_SUM, None) == _sum_of(row):
            yield row
