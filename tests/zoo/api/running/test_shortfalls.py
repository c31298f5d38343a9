"""Shortfalls: what a bench has not got, a sentence for each cause."""

from __future__ import annotations

from pathlib import Path

import zoo
from harness.bench.bench import BenchSummary
from harness.records.record import Failure, FailureKind, Outcome
from zoo.api.running.shortfalls import failures, left_over, skipped

STORE = Path(__file__).parents[3] / "fixtures" / "store-v1"


def test_trials_with_the_same_cause_share_a_sentence() -> None:
    done = [record for _, record in zoo.rank(STORE).trials]
    failed = [
        record.model_copy(
            update={
                "outcome": Outcome.FAILED,
                "reason": "it broke",
                "failure": Failure(kind=FailureKind.PLUGIN, message="it broke"),
            }
        )
        for record in done[:2]
    ]
    (sentence,) = failures(BenchSummary(records=(*failed, *done[2:]), counts={}, interrupted=False))
    assert "plugin: it broke" in sentence


def test_skips_are_shortfalls_only_if_nothing_was_trained() -> None:
    first, *others = [record for _, record in zoo.rank(STORE).trials]
    record = first.model_copy(update={"outcome": Outcome.SKIPPED, "reason": "no weights"})
    (sentence,) = skipped(BenchSummary(records=(record,), counts={"skipped": 1}, interrupted=False))
    assert sentence.startswith("1 trial was skipped: no weights")
    counts = {"skipped": 1, "done": len(others)}
    assert skipped(BenchSummary(records=(record, *others), counts=counts, interrupted=False)) == []


def test_trials_after_the_budget_are_counted() -> None:
    summary = BenchSummary(records=(), counts={}, interrupted=False, not_started=("a", "b"))
    assert left_over(summary) == ["2 trials not started: the budget is spent; the same call continues"]
    assert left_over(BenchSummary(records=(), counts={}, interrupted=False)) == []
