"""Follow-ups: what is done with the weights of finished trials, under other runtimes or on further test sets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class FollowUpSummary:
    """The outcome of a follow-up of many trials."""

    done: int
    """Number of results that are new."""
    reused: int
    """Number of results that were there already."""
    failures: tuple[str, ...]
    """A sentence for each result that failed, now or earlier."""
    notes: tuple[str, ...]
    """Further notes for the user, a sentence each."""
    not_started: int
    """How many were due after the deadline: runtimes of trials, or trials with further test sets."""
    interrupted: bool
    """Whether the user stopped it."""

    def shortfalls(self, not_started: str) -> list[str]:
        """Return a sentence for each result that is missing; none if all are there.

        Args:
            not_started: What was due after the deadline, such as "2 runtimes not started".
        """
        sentences = list(self.failures)
        if self.not_started:
            sentences.append(f"{not_started}: the budget is spent")
        if self.interrupted:
            sentences.append("interrupted; run the same command again to continue")
        return sentences
