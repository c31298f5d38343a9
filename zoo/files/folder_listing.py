"""Folder listings: the files of folders with their sizes and times, of many folders by several processes at a time.

To list a million files is to call the system a million times and to make Python objects of its answers, for which
threads would wait for each other. This file is also the program of these processes, which import nothing else of zoo.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

_MOST_PROCESSES = 8
_TYPE_MASK, _PLAIN = 0o170000, 0o100000
"""Values of the module ``stat``, which a process would take time to import."""


class Listing(NamedTuple):
    """What lies in a folder, sorted by name."""

    files: list[str]
    """Names of the plain files with a wanted ending, and of links to such files; no hidden ones."""
    states: bytes
    """A line for each of *files*: its size in bytes, and its modification time in ns."""
    others: list[str]
    """Names of everything else."""


def list_folder(path: str, endings: tuple[str, ...]) -> Listing:
    """List a folder in this process.

    Args:
        path: The folder.
        endings: The ends of names of wanted files.

    Raises:
        OSError: If the folder cannot be read.
    """
    return _read(path, os.path.join(path, ""), endings)


def list_folders(paths: Sequence[str], endings: tuple[str, ...]) -> dict[str, Listing]:
    """List many folders in several processes, apart from those that cannot be read.

    Args:
        paths: Absolute paths of the folders.
        endings: The ends of names of wanted files.
    """
    from concurrent.futures import ThreadPoolExecutor

    # Two on a single core as well: what they wait for is often a disk or a network.
    count = min(_MOST_PROCESSES, max(2, os.cpu_count() or 1), len(paths))
    parts = [paths[len(paths) * number // count : len(paths) * (number + 1) // count] for number in range(count)]
    with ThreadPoolExecutor(max(1, count)) as threads:  # each waits for a process
        return dict(found for some in threads.map(lambda part: list(_listed(part, endings)), parts) for found in some)


def _listed(paths: Sequence[str], endings: tuple[str, ...]) -> Iterator[tuple[str, Listing]]:
    """Yield what another process finds in folders; nothing if it fails."""
    # With the same encoding of names as here.
    command = [sys.executable, "-I", "-S", "-X", f"utf8={sys.flags.utf8_mode}", __file__, *endings]
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, close_fds=True
        )
    except OSError:
        return
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError), process.stdin:
            process.stdin.write(os.fsencode("\0".join(paths)))
        for path in paths:
            sizes = [int(each) for each in process.stdout.readline().split()]
            parts = [process.stdout.read(size) for size in sizes]
            if list(map(len, parts)) != sizes:  # it was killed
                return
            if parts:
                yield path, Listing(_names(parts[0]), parts[1], _names(parts[2]))


def _names(joined: bytes) -> list[str]:
    return os.fsdecode(joined).split("\0") if joined else []


def _read(folder: str, prefix: str, endings: tuple[str, ...]) -> Listing:
    """List a folder; *prefix* before a name is a path to that file."""
    files, lines, others = [], [], []
    for name in sorted(os.listdir(folder)):  # noqa: PTH208 - without an object for each path
        try:
            status = os.stat(prefix + name)  # noqa: PTH116
        except OSError:  # for example of a link to nothing
            others.append(name)
            continue
        if status.st_mode & _TYPE_MASK == _PLAIN and name.endswith(endings) and not name.startswith("."):
            files.append(name)
            lines.append(f"{status.st_size} {status.st_mtime_ns}\n")
        else:
            others.append(name)
    return Listing(files, "".join(lines).encode(), others)


def _answer(asked: bytes, endings: tuple[str, ...]) -> Iterator[bytes]:
    """Yield a line with three numbers of bytes, and that many bytes, for each folder; an empty line if unreadable."""
    for folder in os.fsdecode(asked).split("\0"):
        try:
            os.chdir(folder)  # so that the system need not look up the whole path of each file
            found = _read(".", "", endings)
        except OSError:
            yield b"\n"
            continue
        parts = os.fsencode("\0".join(found.files)), found.states, os.fsencode("\0".join(found.others))
        yield b"%d %d %d\n" % tuple(map(len, parts))
        yield from parts


if __name__ == "__main__":
    sys.stdout.buffer.writelines(_answer(sys.stdin.buffer.read(), tuple(sys.argv[1:])))
