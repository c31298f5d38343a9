"""A plugin that lets one write, fsync or rename fail: the Nth of all that a bench does, counted over its processes.

``fault.json`` beside it says which: ``{"process": "trial", "at": 7, "how": "kill"}``. Every place passed is a line in
``places.txt``, so that a bench without a fault tells how many there are.
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

from harness import files, history
from zoo import Listener, hookimpl

HERE = Path(__file__).parent


class Faults:
    """Counts places, and strikes at one of them."""

    def __init__(self, at: int, how: str) -> None:
        self.at, self.how = at, how
        self.places = os.open(HERE / "places.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def strikes(self, place: str) -> bool:
        """Count a place, and tell whether it is the one."""
        os.write(self.places, f"{place}\n".encode())
        return (HERE / "places.txt").read_bytes().count(b"\n") == self.at

    def strike(self) -> NoReturn:
        """Do what is to happen there."""
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return *call* with a place before it."""

        def counted(*args: Any, **options: Any) -> Any:
            if self.strikes(name):
                self.strike()
            return call(*args, **options)

        return counted

    def install(self) -> None:
        """Put places into all that writes durable files in this process."""
        whole_write, whole_row = files._write, history.HistoryWriter.write

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

        files._write = write
        history.HistoryWriter.write = write_row  # type: ignore[method-assign]
        os.fsync = self.around("fsync", os.fsync)
        os.replace = self.around("rename", os.replace)


def _install() -> None:
    asked = HERE / "fault.json"
    if not asked.exists():
        return
    fault = json.loads(asked.read_text())
    process = "bench" if multiprocessing.parent_process() is None else "trial"
    if process == fault["process"] and not hasattr(os, "zoo_test_faults"):
        os.zoo_test_faults = Faults(fault["at"], fault["how"])  # type: ignore[attr-defined]
        os.zoo_test_faults.install()  # type: ignore[attr-defined]


@hookimpl
def zoo_listeners() -> Iterator[Listener]:
    _install()
    yield Listener(name="faults", open=lambda folder: lambda event: None)
