"""``zoo bench --test-also``: what it takes, and how it exits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from harness.bench.follow_up import FollowUpSummary
from zoo.api.running.retesting import retest_shortfalls

Run = Callable[..., Result]
WORDS = ("bench", "--models", "linear", "--limit-train", "60", "--limit-test", "40", "--epochs", "1", "--seeds", "1")


def summary_of(**fields: object) -> FollowUpSummary:
    known = {"done": 1, "reused": 0, "failures": (), "notes": (), "not_started": 0, "interrupted": False}
    return FollowUpSummary(**{**known, **fields})  # type: ignore[arg-type]


def test_mistakes_are_found_before_anything_runs(run_zoo: Run, tmp_path: Path) -> None:
    result = run_zoo(
        *WORDS, "--test-also", "corrupt:fogg,again=digits", "--data", "digits", "--out", str(tmp_path / "runs")
    )
    assert result.exit_code == 2
    assert "no corruption is called 'fogg'; did you mean 'fog'?" in result.stderr
    assert "digits is what is trained on" in result.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("fields", "sentences"),
    [
        ({}, []),
        ({"failures": ("net on fog-1 failed: no",)}, ["net on fog-1 failed: no"]),
        ({"not_started": 2}, ["2 trials not tested on further sets: the budget is spent"]),
        ({"interrupted": True}, ["interrupted; run the same command again to continue"]),
    ],
)
def test_what_is_missing_is_said(fields: dict[str, object], sentences: list[str]) -> None:
    assert retest_shortfalls(summary_of(**fields)) == sentences
    assert retest_shortfalls(None) == []


@pytest.mark.slow
def test_a_finished_bench_is_tested_on_further_sets_without_training(run_zoo: Run, tmp_path: Path) -> None:
    words = (*WORDS, "--data", "digits", "--measure-seconds", "0", "--out", str(tmp_path / "runs"))
    run_zoo(*words)
    (record,) = (tmp_path / "runs").glob("*/record.json")
    before = json.loads(record.read_text())
    result = run_zoo(*words, "--test-also", "corrupt:gaussian_noise@2")
    after = json.loads(record.read_text())
    assert list(after["test_sets"]) == ["gaussian_noise-2"]
    assert after["result_key"] == before["result_key"]
    assert after["started_at"] == before["started_at"]
    assert "further test sets, 1 of 1" in result.stderr
