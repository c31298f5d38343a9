"""Ledgers: each point and outcome is written once, whatever the library can tell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plugins.listeners._ledger import LedgerRun


class Shown:
    """What a library was told."""

    def __init__(self) -> None:
        self.began: list[Mapping[str, Any]] = []
        self.points: list[tuple[int, Mapping[str, float]]] = []
        self.results: list[Mapping[str, Any]] = []
        self.closed = 0

    def begin(self, parameters: Mapping[str, Any]) -> Shown:
        self.began.append(parameters)
        return self

    def log(self, values: Mapping[str, float], step: int) -> None:
        self.points.append((step, values))

    def end(self, results: Mapping[str, Any], parameters: Mapping[str, Any], *, is_done: bool) -> None:
        self.results.append({**results, "is_done": is_done})

    def close(self) -> None:
        self.closed += 1


def test_what_was_written_is_known_by_the_next_run(tmp_path: Path, told: Any) -> None:
    shown, spec = Shown(), tmp_path / "spec.json"
    spec.write_text(json.dumps(told.RECORD["spec"]))
    run = LedgerRun(tmp_path / "ledger.json", spec, shown.begin)
    assert not run.has_epoch(1)
    run.add_epoch(told.epoch(1))
    run.close()
    again = LedgerRun(tmp_path / "ledger.json", spec, shown.begin)
    assert again.has_epoch(1)
    assert not again.has_ended("done")
    again.end(told.ended())
    again.close()
    last = LedgerRun(tmp_path / "ledger.json", spec, shown.begin)
    assert last.has_ended("done")
    last.close()
    assert [step for step, _ in shown.points] == [1, 3]
    assert shown.points[1][1]["test/accuracy"] == 0.75
    assert shown.began[0]["recipe.lr"] == shown.began[1]["recipe.lr"] == 0.1
    assert shown.results[0]["outcome"] == "done"
    assert shown.closed == 2  # the last run had nothing to write, and was never opened


def test_a_damaged_ledger_counts_as_none(tmp_path: Path, told: Any) -> None:
    (tmp_path / "ledger.json").write_text('{"epochs": [1')
    run = LedgerRun(tmp_path / "ledger.json", tmp_path / "absent.json", Shown().begin)
    assert not run.has_epoch(1)
    run.add_epoch(told.epoch(1))
    assert json.loads((tmp_path / "ledger.json").read_text()) == {"epochs": [1], "outcome": ""}
