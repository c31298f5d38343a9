"""Unfinished calls: what of a plugin was being imported or called when a process of zoo ended without a word.

Before the code of a plugin is called, a small file in the cache says so, and is removed afterwards. A file that remains
although its process has ended names the plugin that crashed, hung until it was killed, or left. An installed plugin is
then set aside until it has another version or ``zoo plugins --retry`` asks for it; a file given with ``--plugin`` is
only named, since the user asks for it by name each time.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from zoo.catalog import Provider
from zoo.files.cache import cache_root
from zoo.files.plain_files import FACTS, read_bytes

FOLDER = "unfinished"
"""Name of the folder in the cache."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UnfinishedCall:
    """A call that did not return."""

    path: Path
    plugin: str
    distribution: str
    version: str
    module: str
    doing: str
    """What it was called for: ``importing plugin 'nets'``."""
    when: str
    """Date and time of the call."""

    def is_of(self, provider: Provider) -> bool:
        """Return whether it was a call of this plugin, in this version."""
        mine = (self.plugin, self.distribution, self.version, self.module)
        return mine == (provider.name, provider.distribution, provider.version, provider.module)

    @property
    def sentence(self) -> str:
        """What happened, as part of a sentence."""
        return f"zoo ended without a word while {self.doing} on {self.when}"


@contextmanager
def noted(doing: str, provider: Provider) -> Iterator[None]:
    """Note what a plugin is called for while the body runs; nothing is noted in the processes of trials."""
    path = None if _is_child() else _write(doing, provider)
    try:
        yield
    finally:
        if path is not None:
            with suppress(OSError):
                path.unlink()


def find_unfinished() -> list[UnfinishedCall]:
    """Return the calls on this machine whose process has ended meanwhile, latest last."""
    found = []
    try:
        paths = sorted(_folder().glob(f"{_host()}-*.json"))
    except (OSError, RuntimeError):
        return []
    for path in paths:
        try:
            fields = json.loads(read_bytes(path, FACTS, follow=False))
            if _runs(int(fields.pop("pid")), str(fields.pop("started"))):
                continue
            found.append(UnfinishedCall(path=path, **{name: str(value) for name, value in fields.items()}))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            with suppress(OSError):  # torn or damaged: it names nobody
                path.unlink()
    return found


def forget(calls: Iterable[UnfinishedCall]) -> None:
    """Remove the notes of calls, so that their plugins are used again."""
    for call in calls:
        with suppress(OSError):
            call.path.unlink()


def _write(doing: str, provider: Provider) -> Path | None:
    fields = {
        "pid": os.getpid(),
        "started": _start_of(os.getpid()),
        "plugin": provider.name,
        "distribution": provider.distribution,
        "version": provider.version,
        "module": provider.module,
        "doing": doing,
        "when": time.strftime("%Y-%m-%d %H:%M"),
    }
    with suppress(OSError, RuntimeError):  # a read-only or full disk, or no home: the note is a convenience
        folder = _folder()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{_host()}-{os.getpid()}-{time.monotonic_ns()}.json"
        path.write_text(json.dumps(fields), encoding="utf-8")
        return path
    return None


def _folder() -> Path:
    return cache_root() / FOLDER


def _host() -> str:
    # A cache may be shared between machines, and process IDs mean something on one only.
    name = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    return re.sub(r"[^0-9A-Za-z]+", "_", name) or "here"


def _runs(pid: int, started: str) -> bool:
    """Return whether the process with this ID is still the one that started then."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return _start_of(pid) == started


def _start_of(pid: int) -> str:
    """Return when a process started, in the system's own terms; empty where that is unknown."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        return ""


def _is_child() -> bool:
    process = sys.modules.get("multiprocessing.process")  # a child has imported it
    return process is not None and process.parent_process() is not None
