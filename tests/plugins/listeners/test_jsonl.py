"""Events as lines of JSON: what each line holds, and two benches that write to one file."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from plugins.listeners.jsonl import FILE_NAME, as_data, open_jsonl
from zoo.events import BenchStarted, EpochEnded, Progress


def test_a_line_has_the_name_of_the_event_the_time_in_utc_and_every_field(told: Any) -> None:
    data = as_data(told.epoch(2))
    assert list(data) == ["event", "at", *(field.name for field in fields(EpochEnded))]
    assert data["event"] == "epoch_ended"
    assert abs((datetime.now(UTC) - datetime.fromisoformat(data["at"])).total_seconds()) < 60


def test_values_that_json_cannot_represent_become_text_or_null(tmp_path: Path) -> None:
    data = as_data(BenchStarted(store=tmp_path, trials=(("a", "b"),)))
    assert (data["store"], data["trials"]) == (str(tmp_path), [["a", "b"]])
    assert as_data(Progress(message="x", share=float("nan")))["share"] is None


def test_two_benches_on_one_folder_append_whole_lines(told: Any, tmp_path: Path) -> None:
    one, two = open_jsonl(tmp_path / "runs"), open_jsonl(tmp_path / "runs")
    for number in (1, 2):
        one(told.epoch(number))
        two(told.epoch(number))
    rows = [json.loads(line) for line in (tmp_path / "runs" / FILE_NAME).read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 1, 2, 2]


def test_a_file_that_cannot_be_written_is_an_error_before_the_bench_begins(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="runs"):
        open_jsonl(tmp_path / "runs")
