"""Skipped rows: networks whose published weights cannot be loaded are a note below the tables, not a row each."""

from __future__ import annotations

from collections.abc import Sequence

from harness.records.record import Outcome
from reports.leaderboard.remarks.notes import TrialNote, merge_outcomes
from reports.trials.grouping import Group
from zoo.text import one_line


def without_skipped(groups: Sequence[Group]) -> tuple[list[Group], list[str]]:
    """Return the rows with a trial that ran, and a sentence for each cause with the rows that were skipped.

    If everything was skipped, all rows are kept.
    """
    skipped = [group for group in groups if _is_skipped(group)]
    kept = [group for group in groups if not _is_skipped(group)]
    if not kept:
        return list(groups), []
    return kept, merge_outcomes(
        (
            "skipped",
            TrialNote(
                sentence=one_line(record.reason, max_length=300),
                row=f"{record.spec.architecture.display_name} · {record.spec.recipe.display_name}",
                seed=seed,
            ),
        )
        for group in skipped
        for seed, record in sorted(group.unfinished.items())
    )


def _is_skipped(group: Group) -> bool:
    return not group.done and all(record.outcome is Outcome.SKIPPED for record in group.unfinished.values())
