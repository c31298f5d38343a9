"""A node of the toy cluster: reads tasks from its standard input, and writes what they yield to a pipe.

Both ways a message is a line of JSON that says how many bytes follow it. One task at a time.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO


class Control:
    """Says what the head wants of the task that runs: it is asked to stop by a file."""

    def __init__(self, node: str, flag: Path) -> None:
        self.node, self._flag = node, flag

    def stop_requested(self) -> bool:
        return self._flag.exists()


def read(stream: BinaryIO) -> tuple[dict[str, Any], list[bytes]] | None:
    """Return the next message and what belongs to it, or None where there is no more."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        return None
    message = json.loads(line)
    contents = [stream.read(size) for size in message.pop("sizes")]
    return message, contents


def write(stream: BinaryIO, message: dict[str, Any], contents: list[bytes]) -> None:
    """Write a message and what belongs to it."""
    stream.write(json.dumps({**message, "sizes": [len(each) for each in contents]}).encode() + b"\n")
    for content in contents:
        stream.write(content)
    stream.flush()


def main() -> None:
    """Run tasks until there are no more."""
    node, folder = sys.argv[1], Path(sys.argv[2])
    # What tasks print is no message.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while (received := read(sys.stdin.buffer)) is not None:
        task, contents = received
        task_id = task["task_id"]
        write(out, {"what": "started", "task_id": task_id}, [])
        flag = folder / f"stop-{task_id}"
        problem = ""
        try:
            module, _, name = task["function"].partition(":")
            function = getattr(importlib.import_module(module), name)
            files = dict(zip(task["names"], contents, strict=True))
            for message, content in function(task["payload"], files, Control(node, flag)):
                write(out, {"what": "message", "task_id": task_id, "message": message}, [content])
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        write(out, {"what": "ended", "task_id": task_id, "problem": problem}, [])


if __name__ == "__main__":
    main()
