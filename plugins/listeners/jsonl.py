"""A listener that writes every event of a bench as a line of JSON, for scripts that follow along.

``events.jsonl`` in the folder of records holds ``{"event": "epoch_ended", "at": …, …}`` a line; ``at`` is UTC in
ISO 8601. A number that is not finite is written as null, since JSON has no word for it. The file grows from bench to
bench.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zoo.events import Event
from zoo.hookspecs import hookimpl
from zoo.listener import Listener

FILE_NAME = "events.jsonl"


@hookimpl
def zoo_listeners() -> Iterable[Listener]:
    yield Listener(
        name="jsonl", open=open_jsonl, summary=f"every event as a line of JSON, in {FILE_NAME} beside the records"
    )


def open_jsonl(store: Path) -> Callable[[Event], None]:
    """Return what appends an event to the events file of *store*.

    Raises:
        OSError: If the file cannot be written.
    """
    store.mkdir(parents=True, exist_ok=True)
    path = store / FILE_NAME
    path.touch()  # where that cannot be done, it is known before the bench begins
    _end_torn_line(path)

    def write(event: Event) -> None:
        # Unbuffered and appending: each event is one write of one line, also with two benches on one store.
        with path.open("ab", buffering=0) as file:
            file.write(json.dumps(as_data(event), allow_nan=False).encode() + b"\n")

    return write


def as_data(event: Event) -> dict[str, Any]:
    """Return an event as plain data that JSON can hold."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()
    moment = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {"event": name, "at": moment, **{field.name: _plain(getattr(event, field.name)) for field in fields(event)}}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value if isinstance(value, (bool, int, str, type(None))) else str(value)


def _end_torn_line(path: Path) -> None:
    """End a line that a crash left unfinished, so that the next event does not run into it."""
    if path.stat().st_size == 0:
        return
    with path.open("rb+") as file:
        file.seek(-1, 2)
        if file.read(1) != b"\n":
            file.write(b"\n")
