"""Plain files: foreign files are read here, with a limit on their size, and never through a pipe or a device.

A path may lead to a named pipe, on which reading would wait for ever, to a device such as ``/dev/zero``, which never
ends, or to a sparse file of terabytes. Such a file is refused with an ``OSError`` whose ``strerror`` says why.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import itertools
import os
import stat
from collections.abc import Callable
from io import BufferedReader, FileIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

from zoo.files.sizes import size_text


class Kind(NamedTuple):
    """A kind of file, and how large such a file may be."""

    noun: str
    """What it is called in the sentence about its limit."""
    max_bytes: int


RECORD = Kind("a record", 256 * 10**6)
"""A confusion matrix of a thousand classes takes 10 MB."""
HISTORY = Kind("a history", 256 * 10**6)
PREDICTIONS = Kind("a file of predictions", 4 * 10**9)
"""A million images of a thousand classes."""
WEIGHTS = Kind("a file of weights", 64 * 10**9)
FACTS = Kind("a file of facts", 64 * 10**6)
"""JSON that zoo writes for itself: answers of processes, descriptions of caches, results of verification."""
TABLE = Kind("a table", 4 * 10**9)
LIST = Kind("a list of names", 64 * 10**6)
SUITE = Kind("a suite file", 256 * 10**3)
TOKEN = Kind("a token file", 64 * 10**3)
LOG = Kind("a log", 256 * 10**6)
CODE = Kind("a plugin file", 16 * 10**6)
PART = Kind("a file that a plugin sends to a node", 10**9)
PACK = Kind("a file of images", 10**14)
"""Tar files, and datasets packed into one file."""
IMAGE = Kind("an image", 2 * 10**9)
SITE_FILE = Kind("a file of a site", 256 * 10**6)
ARRAY = Kind("a file of arrays", 64 * 10**9)
SUMS = Kind("a list of checksums", 64 * 10**6)
_CHUNK_BYTES = 1 << 20


def open_plain(path: Path, kind: Kind, *, follow: bool = True) -> BufferedReader:
    """Open a plain file for reading; what it holds beyond the limit of its *kind* must not be read.

    Args:
        path: The file.
        kind: What it should be.
        follow: Whether it may be a link to a file.

    Raises:
        OSError: If it cannot be opened, is not a plain file, or is too large.
    """
    handle = _open_handle(path, kind, follow=follow)
    try:
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def _open_handle(path: Path, kind: Kind, *, follow: bool) -> int:
    # Not blocking: opening a pipe for reading would wait for a writer. Plain files are not affected.
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    if not follow:
        if path.is_symlink():  # where the system knows no O_NOFOLLOW, and for a better sentence where it does
            raise refusal(path, "it is a link")
        flags |= getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(path, flags)
    try:
        status = os.fstat(handle)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(status.st_mode):
            raise refusal(path, "it is not a plain file")
        if status.st_size > kind.max_bytes:
            raise too_large(path, kind)
        return handle
    except BaseException:
        os.close(handle)
        raise


def read_bytes(path: Path, kind: Kind, *, follow: bool = True) -> bytes:
    """Return the content of a plain file. Arguments and errors are those of :func:`open_plain`."""
    # Without a file object, whose making takes as long as reading 50 kB.
    handle = _open_handle(path, kind, follow=follow)
    try:
        return _rest_of(functools.partial(os.read, handle), os.fstat(handle).st_size, path, kind)
    finally:
        os.close(handle)


def read_text(path: Path, kind: Kind, *, follow: bool = True) -> str:
    """Return the text of a plain file in UTF-8. Arguments and errors are those of :func:`open_plain`.

    Raises:
        UnicodeDecodeError: If it is not UTF-8.
    """
    return read_bytes(path, kind, follow=follow).decode("utf-8")


def digest_of(path: Path, kind: Kind, *, follow: bool = True) -> str:
    """Return the SHA-256 of a plain file. Arguments and errors are those of :func:`open_plain`."""
    with open_plain(path, kind, follow=follow) as file:
        return _copy(file, path, kind, None)


def copy_file(path: Path, target: Path, kind: Kind) -> str:
    """Copy a plain file that is no link to *target*, which must not exist, and return its SHA-256.

    Raises:
        OSError: If it cannot be read or written.
    """
    with open_plain(path, kind, follow=False) as file, target.open("xb") as copy:
        return _copy(file, path, kind, copy)


def read_rest(file: BinaryIO | FileIO, path: Path, kind: Kind) -> bytes:
    """Return the rest of an open file, which may have grown since it was opened.

    Raises:
        OSError: If it is too large.
    """
    return _rest_of(file.read, max(0, os.fstat(file.fileno()).st_size - file.tell()), path, kind)


def _rest_of(read: Callable[[int], bytes | None], expected_bytes: int, path: Path, kind: Kind) -> bytes:
    # Reading allocates what is asked for, so no more is asked for than the file seems to have.
    parts, left = [], kind.max_bytes
    lengths = itertools.chain((expected_bytes + 1, 1), itertools.repeat(1 << 16))
    while part := read(min(next(lengths), left + 1)):
        left -= len(part)
        if left < 0:
            raise too_large(path, kind)
        parts.append(part)
    return b"".join(parts) if len(parts) != 1 else parts[0]


def refusal(path: Path, reason: str) -> OSError:
    """Return the error about a file that is refused."""
    return OSError(errno.EINVAL, reason, str(path))


def too_large(path: Path, kind: Kind) -> OSError:
    """Return the error about a file that is too large."""
    return OSError(errno.EFBIG, f"{kind.noun} may have up to {size_text(kind.max_bytes)}", str(path))


def _copy(file: BinaryIO, path: Path, kind: Kind, target: BinaryIO | None) -> str:
    digest = hashlib.sha256()
    left = kind.max_bytes
    while chunk := file.read(_CHUNK_BYTES):
        left -= len(chunk)
        if left < 0:
            raise too_large(path, kind)
        digest.update(chunk)
        if target is not None:
            target.write(chunk)
    return digest.hexdigest()
