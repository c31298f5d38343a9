from __future__ import annotations

import copy
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zoo import build_catalog
from zoo.api.running.listeners import FanOut
from zoo.catalog import Entry, Provider
from zoo.events import BenchEnded, EpochEnded, Event, Progress, TrialEnded
from zoo.listener import Listener
from zoo.loading import Sources

EVENT = Progress(message="hello")


def _entry(name: str, hear: Callable[[Event], None]) -> Entry[Listener]:
    provider = Provider(name="test", origin="file", module="test")
    return Entry(record=Listener(name=name, open=lambda store: hear), full_name=f"test/{name}", provider=provider)


def test_every_event_reaches_everyone_in_order(tmp_path: Path, recorded_events: list[Event]) -> None:
    own: list[Event] = []
    other: list[Event] = []
    fan_out = FanOut(own.append, [_entry("other", other.append)], tmp_path, print)
    for event in recorded_events:
        fan_out(event)
    assert own == other == recorded_events


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ValueError("no\nroom"), "ValueError: no room"),
        (SystemExit(3), "it called sys.exit(3)"),
        (KeyboardInterrupt(), "it raised KeyboardInterrupt"),
    ],
)
def test_a_listener_that_raises_is_reported_once_and_disabled(tmp_path: Path, error: BaseException, cause: str) -> None:
    calls, told, heard = [], [], []

    def raise_it(event: Event) -> None:
        calls.append(event)
        raise error

    fan_out = FanOut(lambda event: None, [_entry("bad", raise_it), _entry("good", heard.append)], tmp_path, told.append)
    fan_out(EVENT)
    fan_out(EVENT)
    assert (len(calls), len(heard)) == (1, 2)
    assert len(told) == 1
    assert told == [f"listener 'bad' failed and is disconnected: {cause}"]
    assert "\n" not in told[0]


def test_a_listener_that_cannot_be_opened_affects_nothing_else(tmp_path: Path) -> None:
    told: list[str] = []
    provider = Provider(name="test", origin="file", module="test")
    record: Any = Listener(name="none", open=lambda store: None)  # type: ignore[arg-type, return-value]
    FanOut(lambda event: None, [Entry(record=record, full_name="test/none", provider=provider)], tmp_path, told.append)(
        EVENT
    )
    assert told == ["listener 'none' could not be opened: TypeError: open returned NoneType; expected a function"]


def test_a_listener_that_hangs_affects_nothing_else(tmp_path: Path) -> None:
    told, heard = [], []
    never = threading.Event()
    slow, good = _entry("slow", lambda event: never.wait(30) and None), _entry("good", heard.append)
    fan_out = FanOut(lambda event: None, [slow, good], tmp_path, told.append, patience=0.2)
    fan_out(EVENT)
    fan_out(EVENT)
    never.set()
    assert told == ["listener 'slow' failed and is disconnected: TooSlowError: it took longer than 0.2 s"]
    assert len(heard) == 2


def test_a_listener_is_opened_and_called_in_one_thread_of_its_own(tmp_path: Path) -> None:
    """A connection to a database may be used by the thread that made it only."""
    threads: list[threading.Thread] = []

    def open_it(store: Path) -> Callable[[Event], None]:
        threads.append(threading.current_thread())
        return lambda event: threads.append(threading.current_thread())

    provider = Provider(name="test", origin="file", module="test")
    entry = Entry(record=Listener(name="ear", open=open_it), full_name="test/ear", provider=provider)
    FanOut(lambda event: None, [entry], tmp_path, print)(EVENT)
    assert len(threads) == 2
    assert threads[0] is threads[1] is not threading.current_thread()


def test_ctrl_c_while_a_listener_is_called_is_the_users(tmp_path: Path) -> None:
    def wait(event: Event) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)

    with pytest.raises(KeyboardInterrupt):
        FanOut(lambda event: None, [_entry("slow", wait)], tmp_path, print)(EVENT)


def test_a_listener_that_changes_an_event_changes_it_for_itself_only(tmp_path: Path) -> None:
    event = TrialEnded(
        trial_id="t",
        title="t",
        number=1,
        total=1,
        outcome="done",
        reused=False,
        reason="",
        record={"metrics": {"accuracy": {"value": 0.5}}, "classes": ["a", {"b": [1, 2]}]},
    )
    whole = copy.deepcopy(event.record)
    heard: list[Any] = []

    def spoil(event: Any) -> None:
        event.record["metrics"]["accuracy"]["value"] = 1.0
        event.record["classes"][1]["b"].clear()

    fan_out = FanOut(lambda event: None, [_entry("bad", spoil), _entry("good", heard.append)], tmp_path, print)
    fan_out(event)
    counts = BenchEnded(counts={"failed": 1}, interrupted=False)
    FanOut(lambda event: None, [_entry("bad", lambda event: event.counts.clear())], tmp_path, print)(counts)  # type: ignore[attr-defined]
    assert event.record == heard[0].record == whole
    assert counts.counts == {"failed": 1}


@pytest.fixture
def jsonl() -> Listener:
    return build_catalog(Sources(entry_points=False)).listeners.get("jsonl").record


def test_jsonl_writes_each_event_as_a_line_at_once(
    jsonl: Listener, tmp_path: Path, recorded_events: list[Event]
) -> None:
    write = jsonl.open(tmp_path / "runs")
    file = tmp_path / "runs" / "events.jsonl"
    for count, event in enumerate(recorded_events, start=1):
        write(event)
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        assert len(rows) == count
    assert [row["event"] for row in rows[:3]] == ["progress", "bench_started", "trial_ended"]
    assert rows[2]["record"]["metrics"]["accuracy"]["value"] == 0.90
    assert rows[-1]["counts"] == {"done": 5, "failed": 1}


def test_jsonl_goes_on_after_a_torn_last_line(jsonl: Listener, tmp_path: Path) -> None:
    """A torn last line made every later start fail (optuna#5138)."""
    file = tmp_path / "events.jsonl"
    file.write_text('{"event": "progress"}\n{"event": "epo')
    jsonl.open(tmp_path)(BenchEnded(counts={}, interrupted=True))
    first, torn, last = file.read_text().splitlines()
    assert torn == '{"event": "epo'
    assert json.loads(first)["event"] == "progress"
    assert json.loads(last)["interrupted"] is True


def test_jsonl_writes_what_is_not_finite_as_null(jsonl: Listener, tmp_path: Path) -> None:
    jsonl.open(tmp_path)(
        EpochEnded(
            trial_id="t", epoch=1, epochs=1, train_loss=float("nan"), train_accuracy=None, val_loss=float("inf"),
            val_accuracy=0.1, lr=0.1, images_per_second=1.0, seconds=1.0,
        )
    )  # fmt: skip
    row = json.loads((tmp_path / "events.jsonl").read_text())
    assert (row["event"], row["train_loss"], row["val_loss"]) == ("epoch_ended", None, None)
