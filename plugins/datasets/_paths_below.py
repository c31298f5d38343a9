"""Paths below a folder, made when they are asked for: a million ready ones would take a gigabyte."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import overload


class PathsBelow(Sequence[Path]):
    """The paths of files below *root* with relative *names*, whose parts are joined by slashes."""

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        self._root, self._names = root, names

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> Path: ...

    @overload
    def __getitem__(self, index: slice) -> PathsBelow: ...

    def __getitem__(self, index: int | slice) -> Path | PathsBelow:
        if isinstance(index, slice):
            return PathsBelow(self._root, self._names[index])
        return self._root / self._names[index]
