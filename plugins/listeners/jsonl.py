"""A listener that writes every event of a bench as a line of JSON, for scripts.

Each line of ``events.jsonl`` in the folder of records is an object ``{"event": "epoch_ended", "at": …, …}``; ``at`` is
UTC in ISO 8601. A number that is not finite is written as null, because JSON cannot represent it. Later benches append
to the file.
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
        name="jsonl", open=open_jsonl, summary=f"write every event as a line of JSON to {FILE_NAME} beside the records"
    )


def open_jsonl(store: Path) -> Callable[[Event], None]:
    """Return a function that appends an event to the events file of *store*.

    Raises:
        OSError: If the file cannot be written.
    """
    store.mkdir(parents=True, exist_ok=True)
    path = store / FILE_NAME
    path.touch()  # fails before the bench begins if the file cannot be written
    _end_torn_line(path)

    def write(event: Event) -> None:
        # Unbuffered and in append mode: each event is a single write, even with two benches on one store.
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
    """Terminate a line that a crash left unfinished, so that the next event starts on a new line."""
    if path.stat().st_size == 0:
        return
    with path.open("rb+") as file:
        file.seek(-1, 2)
        if file.read(1) != b"\n":
            file.write(b"\n")
