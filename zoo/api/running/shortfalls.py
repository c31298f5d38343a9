"""Shortfalls: what a bench was asked for and has not got, a sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo.text import plural

if TYPE_CHECKING:
    from harness.bench.bench import BenchSummary


def failures(summary: BenchSummary) -> list[str]:
    """Return a sentence for each cause of failures, with the trials that it stopped."""
    return _told(summary, "failed")


def skipped(summary: BenchSummary) -> list[str]:
    """Return a sentence for each reason why trials were skipped, if none was trained; where some were, it is a note."""
    return [] if summary.counts.get("done") else _told(summary, "skipped")


def _told(summary: BenchSummary, outcome: str) -> list[str]:
    from reports.leaderboard.remarks.notes import TrialNote, merge_outcomes

    notes = []
    for record in summary.records:
        if record.outcome.value == outcome:
            reason = record.reason or "no reason was recorded"
            cause = f"{record.failure.kind.value}: {reason}" if record.failure else reason
            row = record.spec.title.rpartition(" · ")[0]
            notes.append((outcome, TrialNote(sentence=cause, row=row, seed=record.spec.seed)))
    return merge_outcomes(notes)


def left_over(summary: BenchSummary) -> list[str]:
    """Return a sentence if trials were not started because the budget was spent."""
    if not summary.not_started:
        return []
    return [f"{plural(len(summary.not_started), 'trial')} not started: the budget is spent; the same call continues"]
