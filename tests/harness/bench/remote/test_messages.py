"""Messages of a node: events that arrive as they were sent, and the files of a finished trial."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.bench.remote.messages import MAX_LOG_BYTES, decode_event, encode_event, file_messages, state_messages
from harness.records.state_files import state_name
from zoo.events import EpochEnded, Event, PhaseStarted, Progress

EPOCH = EpochEnded(
    trial_id="t", epoch=1, epochs=2, train_loss=0.5, train_accuracy=None, val_loss=0.4, val_accuracy=0.9,
    lr=0.1, images_per_second=100.0, seconds=1.0,
)  # fmt: skip


@pytest.mark.parametrize("event", [EPOCH, PhaseStarted(trial_id="t", phase="train")])
def test_an_event_arrives_as_it_was_sent(event: Event) -> None:
    encoded = encode_event(event)
    assert encoded is not None
    message, content = encoded
    assert content == b""
    assert decode_event(json.loads(json.dumps(message))) == event


def test_other_events_are_not_sent() -> None:
    assert encode_event(Progress(message="starting")) is None


def test_the_files_of_a_trial_are_sent_with_the_record_last(tmp_path: Path) -> None:
    states = [state_name(epoch, b"state") for epoch in (9, 10)]
    for name in (*states, "spec.json", "history.jsonl", "record.json", "notes.txt", ".lock"):
        (tmp_path / name).write_text(name)
    sent = list(file_messages(tmp_path))
    assert sent == [
        ({"kind": "file", "name": "history.jsonl"}, b"history.jsonl"),
        ({"kind": "file", "name": states[1]}, states[1].encode()),
        ({"kind": "file", "name": "spec.json"}, b"spec.json"),
        ({"kind": "record"}, b"record.json"),
    ]


def test_a_state_is_sent_after_its_history_or_not_at_all(tmp_path: Path) -> None:
    state = tmp_path / state_name(3, b"state")
    with pytest.raises(FileNotFoundError):
        next(state_messages(state))
    state.write_bytes(b"state")
    (tmp_path / "history.jsonl").write_bytes(b"rows")
    assert list(state_messages(state)) == [
        ({"kind": "file", "name": "history.jsonl"}, b"rows"),
        ({"kind": "file", "name": state.name}, b"state"),
    ]


def test_of_a_long_log_the_end_is_sent(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_bytes(b"{}")
    (tmp_path / "log.txt").write_bytes(b"beginning" + b"x" * (MAX_LOG_BYTES - 3) + b"end")
    (message, content), _ = file_messages(tmp_path)
    assert message == {"kind": "file", "name": "log.txt"}
    assert content == b"x" * (MAX_LOG_BYTES - 3) + b"end"
