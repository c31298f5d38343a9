"""The index of a tar file: the positions of its members, so that they can be read in any order without extraction.

A tar file is read from end to end once; the index is cached under its path, size and modification time. Members that
are not plain files (links, devices, sparse files), or whose names lead out of the archive, are errors: following them
would be unsafe, and skipping them would silently leave out images.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from plugins.datasets._files import files_signature
from zoo.errors import DataError
from zoo.files.cache import cached_json
from zoo.files.foreign_files import archive_kind
from zoo.files.image_files import IMAGE_SUFFIXES
from zoo.files.image_kinds import HEAD_BYTES, image_kind
from zoo.files.plain_files import PACK, open_plain
from zoo.files.sizes import size_text

_VERSION = 4
"""Incremented whenever the same file may give a different index."""

MAX_LABEL_BYTES = 200
"""Maximum size of a ``.cls`` member, which contains a number or a name, and of any other text used as a label."""

_MAX_JSON_BYTES = 100_000
_MAX_HEADER_BYTES = 1_000_000
"""Size of a header; one with a long name has a few hundred bytes."""
LABEL_SUFFIXES = (".cls", ".json", ".txt")
"""Suffixes of members that may contain the class of an image, as in WebDataset, in order of preference."""

_LABEL_KEYS = ("cls", "label", "class", "target", "category", "label_name", "class_name", "labels")
"""Keys of a JSON object that may contain the class, in order of preference."""

_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A file in a tar file."""

    name: str
    """Path with ``/`` as separator, without ``.`` and ``..``."""
    start: int
    """Offset of the content in bytes."""
    size: int
    text: str
    """Label in a member with one of :data:`LABEL_SUFFIXES`; empty if there is none, and for all other members."""
    kind: str
    """Kind of image by its first bytes if the suffix is not that of an image; otherwise empty."""


def index_tar(path: Path) -> list[Member]:
    """Return the files in a tar file, in order, except those whose names start with a dot.

    Raises:
        DataError: If *path* is not an uncompressed tar file, is damaged, or has members that are not allowed.
    """
    signature = hashlib.sha256(f"{_VERSION} {files_signature([path])}".encode()).hexdigest()
    index = cached_json(f"tar/{signature[:20]}", lambda: {"path": str(path), "members": list(_rows(path))})
    return [
        Member(name=name, start=start, size=size, text=text, kind=kind)
        for name, start, size, text, kind in index["members"]
    ]


def _rows(path: Path) -> Iterator[list[Any]]:
    try:
        with open_plain(path, PACK) as file:
            beginning = file.read(8)
            length = file.seek(0, io.SEEK_END)
            kind = next((kind for magic, kind in _COMPRESSED.items() if beginning.startswith(magic)), "")
            if kind:
                raise DataError(f"{path} is compressed ({kind}), and only a plain tar file can be read in any order")
            file.seek(0)
            names: set[str] = set()
            headers: Any = _Headers(file)
            with tarfile.open(fileobj=headers, mode="r:") as archive:
                while (member := archive.next()) is not None:
                    row = _row(path, file, member, length)
                    if row is not None:
                        if row[0] in names:
                            raise DataError(
                                f"{path} holds {row[0]!r} twice, and only the last one would be unpacked: "
                                "write it anew without the other"
                            )
                        names.add(row[0])
                        yield row
                    archive.members.clear()  # type: ignore[attr-defined]  # otherwise all members stay in memory
                end = archive.offset
                file.seek(end)
                mark = file.read(tarfile.BLOCKSIZE)
                if not mark:
                    raise DataError(f"{path} is truncated: it has no end marker")
                if mark.strip(b"\0"):  # tarfile treats anything that is not a header as the end
                    raise DataError(
                        f"{path} is damaged at byte {end:,}, where neither a member nor the end marker begins"
                    )
                if file.read(_MAX_HEADER_BYTES).strip(b"\0"):
                    raise DataError(
                        f"{path} goes on after its end marker at byte {end:,}: if it is several tar files in one, keep "
                        "them apart, as shards in a folder"
                    )
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except (tarfile.TarError, ValueError, OverflowError, EOFError, MemoryError) as error:  # raised for damaged headers
        problem = archive_kind(path) or f"is not a tar file, or is damaged: {str(error) or type(error).__name__}"
        raise DataError(f"{path} {problem}") from error
    except RecursionError:  # each header that describes the next one is a call within a call
        raise DataError(f"{path} is not a tar file, or is damaged: a member has thousands of headers") from None


class _Headers:
    """The headers of a tar file: reads of more than one may have are refused, since they are read into memory whole."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        """Return the next bytes.

        Raises:
            tarfile.ReadError: If there are more than a megabyte.
        """
        if size > _MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header states {size_text(size)}, and may have up to 1 MB")
        return self._file.read(size)


def _row(path: Path, file: IO[bytes], member: tarfile.TarInfo, length: int) -> list[Any] | None:
    """Return the index entry of a member, or None for folders and hidden files."""
    name = PurePosixPath(member.name)
    shown = f"{path} holds {member.name!r}"
    if name.is_absolute() or ".." in name.parts or "\0" in member.name:
        raise DataError(f"{shown}, a path that leads out of the archive")
    if member.isdir():
        return None
    if not member.isreg() or member.issparse():
        kind = "a link" if member.issym() or member.islnk() else "not a plain file"
        raise DataError(f"{shown}, which is {kind}: links are not followed, so store the images themselves")
    if member.size < 0 or member.offset_data + member.size > length:
        raise DataError(f"{path} is truncated: {member.name!r} extends beyond its end")
    if name.name.startswith("."):
        return None
    text = kind = ""
    file.seek(member.offset_data)
    if name.suffix == ".cls":
        if member.size > MAX_LABEL_BYTES:
            raise DataError(f"{shown}, which should be a class name but has {member.size:,} bytes")
        text = file.read(member.size).decode("utf-8", "replace").strip()
        if not text:
            raise DataError(f"{shown}, which should be a class name but is empty")
    elif name.suffix == ".txt" and member.size <= MAX_LABEL_BYTES:
        text = file.read(member.size).decode("utf-8", "replace").strip()
    elif name.suffix == ".json" and member.size <= _MAX_JSON_BYTES:
        text = _label_in_json(file.read(member.size))
    elif name.suffix.lower() not in IMAGE_SUFFIXES:
        kind = image_kind(file.read(min(HEAD_BYTES, member.size)), name.suffix.lower())
    return [str(name), member.offset_data, member.size, text, kind]


def _label_in_json(content: bytes) -> str:
    """Return the label in a JSON file: a number, a string, or one of these under a key such as ``label``.

    A list of one label is that label; of several, none is the class.
    """
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    if isinstance(value, dict):
        value = next((value[key] for key in _LABEL_KEYS if key in value), None)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return str(value).strip() if isinstance(value, (int, float, str)) else ""
