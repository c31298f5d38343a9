"""The index of a tar file: where its members lie, so that they can be read in any order. Nothing is ever extracted.

A tar file is read from end to end once; what was found is kept in the cache under its path, size and time. Members
that are no plain files (links, devices, sparse files), or whose names lead out of where they are, are refused: no such
thing is followed, and leaving it out would leave images out without a word.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from plugins.datasets._files import files_signature
from zoo.cache import cached_json
from zoo.errors import DataError

_VERSION = 1
"""Raised whenever the same file may give another index."""

_MAX_TEXT = 200
"""Most bytes of a ``.cls`` member, which holds a number or a name."""

_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A file in a tar file."""

    name: str
    """With ``/`` between its parts, none of which is ``.`` or ``..``."""
    start: int
    """Where its content begins, in bytes."""
    size: int
    text: str
    """Content of a ``.cls`` member; empty for all others."""


def index_tar(path: Path) -> list[Member]:
    """Return the files in a tar file, in order; those whose names start with a dot are left out.

    Raises:
        DataError: If it is no uncompressed tar file, is damaged, or holds what is refused.
    """
    signature = hashlib.sha256(f"{_VERSION} {files_signature([path])}".encode()).hexdigest()
    index = cached_json(f"tar/{signature[:20]}", lambda: {"path": str(path), "members": list(_rows(path))})
    return [Member(name=name, start=start, size=size, text=text) for name, start, size, text in index["members"]]


def _rows(path: Path) -> Iterator[list[Any]]:
    try:
        with path.open("rb") as file:
            beginning = file.read(8)
            length = file.seek(0, io.SEEK_END)
            kind = next((kind for magic, kind in _COMPRESSED.items() if beginning.startswith(magic)), "")
            if kind:
                raise DataError(f"{path} is compressed ({kind}), and only a plain tar file can be read in any order")
            file.seek(0)
            with tarfile.open(fileobj=file, mode="r:") as archive:
                while (member := archive.next()) is not None:
                    row = _row(path, file, member, length)
                    if row is not None:
                        yield row
                    archive.members.clear()  # type: ignore[attr-defined]  # it would keep every one in memory
                end = archive.offset
                file.seek(end)
                mark = file.read(tarfile.BLOCKSIZE)
                if not mark:
                    raise DataError(f"{path} is cut short: it has no mark of its end")
                if mark.strip(b"\0"):  # the reader takes whatever is no header for the end
                    raise DataError(f"{path} is damaged at byte {end:,}, where there is neither a member nor the end")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:  # what damaged headers come to
        raise DataError(f"{path} is no tar file, or is damaged: {error}") from error


def _row(path: Path, file: IO[bytes], member: tarfile.TarInfo, length: int) -> list[Any] | None:
    """Return what is kept of a member; None for folders and hidden files."""
    name = PurePosixPath(member.name)
    shown = f"{path} holds {member.name!r}"
    if name.is_absolute() or ".." in name.parts or "\0" in member.name:
        raise DataError(f"{shown}, a name that leads out of its folder")
    if member.isdir():
        return None
    if not member.isreg() or member.issparse():
        kind = "a link" if member.issym() or member.islnk() else "no plain file"
        raise DataError(f"{shown}, which is {kind}: nothing is followed, so images must lie there themselves")
    if member.size < 0 or member.offset_data + member.size > length:
        raise DataError(f"{path} is cut short: {member.name!r} should end beyond it")
    if name.name.startswith("."):
        return None
    text = ""
    if name.suffix == ".cls":
        if member.size > _MAX_TEXT:
            raise DataError(f"{shown}, which should be a class and has {member.size:,} bytes")
        file.seek(member.offset_data)
        text = file.read(member.size).decode("utf-8", "replace").strip()
        if not text:
            raise DataError(f"{shown}, which should be a class and is empty")
    return [str(name), member.offset_data, member.size, text]
