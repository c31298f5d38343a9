"""The start of the fork server: what it and the process that starts it tell each other until all is imported.

A plan takes half a second to make, and importing torch three times as long. So the server may be started before there
is a plan: it imports torch, and then waits to be told what else is on its list. When it has imported all, it says so:
until then it starts no process, and whoever asked for one could not be stopped.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from harness.system.atomic_files import write_bytes

_VARIABLE = "ZOO_SERVER_START"
"""Tells the server the process that starts it, whether that will send a list, and the folder for both."""
_LIST, _READY = "list", "ready"
_POLL_SECONDS = 0.01


class ServerStart:
    """The newest start of a server by this process."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self.awaits_list = False
        """Whether the server waits to be told what else to import."""

    def begin(self, parent: Path, *, awaits_list: bool) -> None:
        """Prepare to start a server, in a new folder in *parent*."""
        self._folder = parent / f"start-{time.monotonic_ns()}"
        self._folder.mkdir()
        self.awaits_list = awaits_list
        os.environ[_VARIABLE] = f"{os.getpid()}:{int(awaits_list)}:{self._folder}"

    def end(self) -> None:
        """Keep the message from other processes that are started."""
        os.environ.pop(_VARIABLE, None)

    def tell(self, modules: Sequence[str]) -> None:
        """Tell a server that waits for its list to import these modules too."""
        if self.awaits_list and self._folder is not None:
            write_bytes(self._folder / _LIST, ",".join(modules).encode())
            self.awaits_list = False

    @property
    def is_ready(self) -> bool:
        """Whether the server has imported all, or is not one that says so."""
        return self._folder is None or (self._folder / _READY).exists()


class Greeting:
    """The server's side of its start."""

    def __init__(self) -> None:
        owner, awaits_list, folder = (os.environ.pop(_VARIABLE, "") or "0:0:").split(":", 2)
        self._owner, self._awaits_list, self._folder = int(owner), awaits_list == "1", folder

    @property
    def is_of_server(self) -> bool:
        """Whether a server has been started, and not another process that imports the same."""
        return bool(self._folder)

    def modules(self) -> tuple[str, ...]:
        """Return the rest of the list once it is told; the process ends if its parent has."""
        path = Path(self._folder, _LIST)
        if not self._awaits_list:
            return ()
        while not path.exists():
            if os.getppid() != self._owner:
                os._exit(0)
            time.sleep(_POLL_SECONDS)
        return tuple(path.read_text().split(","))

    def ready(self) -> None:
        """Say that all is imported, or cannot be."""
        if self._folder and Path(self._folder).is_dir():
            Path(self._folder, _READY).touch()
