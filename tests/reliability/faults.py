"""A plugin that lets one write, fsync or rename of a process fail: the Nth of all that this process does.

``fault.json`` beside it says which: ``{"process": "trial", "at": 7, "how": "kill"}`` strikes at the seventh place of
each trial's process, so that one bench bears as many faults as it has trials; with a list, each process takes the
next number of it, so that faults strike at different places. Other processes are ``prepare``, which
decodes the data, and ``bench``. With ``"what": "reads"``, places are the files that are opened for reading. Each place
passed is a line ``PID NUMBER NAME`` in ``places.txt``, and each fault one in ``struck.txt``: a bench without a fault
tells how many places there are, and one with a fault whether it struck.
"""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from harness.records import history
from harness.system import atomic_files
from zoo import Listener, hookimpl

HERE = Path(__file__).parent
ERRORS = {"enospc": errno.ENOSPC, "erofs": errno.EROFS, "eio": errno.EIO}


class Faults:
    """Counts places, and strikes at one of them."""

    def __init__(self, at: int, how: str, what: str = "writes") -> None:
        self.at, self.how, self.what = at, how, what
        self.passed = 0
        self.places, self.struck = (
            os.open(HERE / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND) for name in ("places.txt", "struck.txt")
        )

    def strikes(self, place: str) -> bool:
        """Count a place, and tell whether it is the one."""
        self.passed += 1
        line = f"{os.getpid()} {self.passed} {place}\n".encode()
        os.write(self.places, line)
        # A folder that became read-only stays so; what is full or killed is tried again.
        strikes = self.passed == self.at or (self.how == "erofs" and self.passed > self.at > 0)
        if strikes:
            os.write(self.struck, line)
        return strikes

    def strike(self) -> NoReturn:
        """Do what is to happen there."""
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(ERRORS[self.how], os.strerror(ERRORS[self.how]))

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return *call* with a place before it."""

        def counted(*args: Any, **options: Any) -> Any:
            if self.strikes(name):
                self.strike()
            return call(*args, **options)

        return counted

    def install(self) -> None:
        """Put places into all that writes durable files in this process, or that reads files."""
        if self.what == "reads":
            self._install_reads()
            return
        whole_write, whole_row = atomic_files._write, history.HistoryWriter.write

        def write(path: Path, content: bytes) -> None:
            if self.strikes(f"write {path.suffix}"):
                whole_write(path, content[: len(content) // 2])
                self.strike()
            whole_write(path, content)

        def write_row(writer: history.HistoryWriter, row: dict[str, Any]) -> None:
            if self.strikes("append"):
                line = history.encode_row(row)
                os.write(writer._file.fileno(), line[: len(line) // 2])
                self.strike()
            whole_row(writer, row)

        atomic_files._write = write
        history.HistoryWriter.write = write_row  # type: ignore[method-assign]
        os.fsync = self.around("fsync", os.fsync)
        os.replace = self.around("rename", os.replace)

    def _install_reads(self) -> None:
        whole_open = os.open

        def open_file(path: Any, flags: int, *args: Any, **options: Any) -> int:
            if (
                not flags & (os.O_WRONLY | os.O_RDWR)
                and isinstance(path, (str, Path))
                and Path(path).suffix in (".npy", ".json", ".safetensors", ".jsonl", ".bin")
                and self.strikes(f"read {Path(path).suffix}")
            ):
                self.strike()
            return whole_open(path, flags, *args, **options)

        os.open = open_file


def _process() -> str:
    """Return which process this is: the bench, or what the job is that it was started for."""
    if multiprocessing.parent_process() is None:
        return "bench"
    (job,) = multiprocessing.current_process()._args  # type: ignore[attr-defined]
    return str(json.loads(Path(job).read_bytes())["kind"])


def _next_of(numbers: list[int]) -> int:
    """Return the number that no process has taken yet; 0 if there is none."""
    for number in numbers:
        try:
            os.close(os.open(HERE / f"taken-{number}", os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        return number
    return 0


def _install() -> None:
    asked = HERE / "fault.json"
    if not asked.exists():
        return
    fault = json.loads(asked.read_text())
    if _process() == fault["process"] and not hasattr(os, "zoo_test_faults"):
        at = fault["at"] if isinstance(fault["at"], int) else _next_of(fault["at"])
        os.zoo_test_faults = Faults(at, fault["how"], fault["what"])  # type: ignore[attr-defined]
        os.zoo_test_faults.install()  # type: ignore[attr-defined]


@hookimpl
def zoo_listeners() -> Iterator[Listener]:
    _install()
    yield Listener(name="faults", open=lambda folder: lambda event: None)
