"""Messages: what a node sends to the bench.

Messages, by ``kind``: ``event`` (an event of the trial), ``progress`` (of what comes before a trial), ``answer``,
``errors`` (``sentences``), ``file`` (``name``, and its bytes), ``record`` (the bytes of ``record.json``, last of all),
``busy`` (another process runs this trial) and ``refused`` (``problem``: why the node does not run the trial).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.records import store as files
from harness.records.predictions import FILE_NAME as PREDICTIONS_FILE
from harness.records.predictions import VAL_FILE_NAME as VAL_PREDICTIONS_FILE
from harness.records.state_files import newest_state
from zoo.events import EpochEnded, Event, PhaseStarted

MAX_LOG_BYTES = 2**20
SENT_FILES = (
    files.SPEC_FILE,
    files.HISTORY_FILE,
    PREDICTIONS_FILE,
    VAL_PREDICTIONS_FILE,
    files.CHECKPOINT_FILE,
    files.LOG_FILE,
)
"""Files of a finished trial that are sent, apart from its record and training states."""
EVENTS: dict[str, type[PhaseStarted] | type[EpochEnded]] = {"phase": PhaseStarted, "epoch": EpochEnded}

Message = tuple[dict[str, Any], bytes]
"""The message, and the content of its file."""


def encode_event(event: Event) -> Message | None:
    """Return an event as a message, or None for one that is not sent."""
    for name, kind in EVENTS.items():
        if isinstance(event, kind):
            return {"kind": "event", "event": name, "fields": dataclasses.asdict(event)}, b""
    return None


def decode_event(message: Mapping[str, Any]) -> Event:
    """Return the event that :func:`encode_event` encoded."""
    return EVENTS[str(message["event"])](**message["fields"])


def state_messages(state: Path) -> Iterator[Message]:
    """Yield a training state, after the history of its epochs.

    Raises:
        FileNotFoundError: If a newer one has taken its place; nothing has been yielded then.
    """
    content = state.read_bytes()
    history = state.with_name(files.HISTORY_FILE).read_bytes()  # read later: it has the rows of all its epochs
    # Sent first: a bench that is killed in between has no state without them.
    yield {"kind": "file", "name": files.HISTORY_FILE}, history
    yield {"kind": "file", "name": state.name}, content


def file_messages(folder: Path) -> Iterator[Message]:
    """Yield the files of a finished trial, its record last."""
    if state := newest_state(folder):
        yield from state_messages(state)
    for name in SENT_FILES:
        path = folder / name
        if path.exists() and not (state and name == files.HISTORY_FILE):
            content = path.read_bytes()
            yield {"kind": "file", "name": name}, content[-MAX_LOG_BYTES:] if name == files.LOG_FILE else content
    yield {"kind": "record"}, (folder / files.RECORD_FILE).read_bytes()
