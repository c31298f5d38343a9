"""A process that runs the command in forks of itself, so that what takes seconds to load is loaded once for many.

Each line of its input is ``{"args": [...], "stdout": PATH, "stderr": PATH, "environment": {...}}``; each line of its
output is the exit status of one call, negative for the signal that ended it. All calls share one fork server.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from multiprocessing import forkserver
from typing import Any, NoReturn


def main() -> None:
    """Answer calls until the input ends."""
    for name in ("harness.bench.bench", "reports.leaderboard.building", "zoo.cli.commands.bench"):
        importlib.import_module(name)
    from harness.bench.processes.starter import Starter

    Starter(["torch"])
    forkserver.ensure_running()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _call(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _call(asked: dict[str, Any]) -> NoReturn:
    from zoo.cli import main as zoo

    os.setsid()
    for stream, path in ((1, asked["stdout"]), (2, asked["stderr"])):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, stream)
        os.close(handle)
    os.environ.update(asked["environment"])
    sys.argv = ["zoo", *asked["args"]]
    # The server is the parent's child: waiting for it, to see whether it still runs, would fail here.
    forkserver.ensure_running = forkserver._forkserver.ensure_running = lambda: None  # type: ignore[attr-defined]
    try:
        status = zoo()
    except SystemExit as end:
        status = end.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status if isinstance(status, int) else 1 if status else 0)


if __name__ == "__main__":
    main()
