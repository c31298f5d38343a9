"""Timings: where the wall time of a bench went, by stage, and within the trials by phase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PROBING, PREPARING, TRIALS = "probe", "prepare", "trials"
"""The stages of a bench: starting the first process, which imports torch, and probing the machine; preparing data; and
trials."""

STARTING, PAUSED, OTHER = "start", "paused", "other"
"""What a trial spends time on apart from its phases: the start and end of its process, waiting while another trial
measures speeds, and reading and writing its files."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timings:
    """Where the wall time of a bench went."""

    began: float
    """Moment of ``time.monotonic()`` at which it began."""
    seconds: float
    """Wall time."""
    stages: Mapping[str, float] = field(default_factory=dict)
    """Wall time of each stage."""
    phases: Mapping[str, float] = field(default_factory=dict)
    """Time of each phase, summed over the trials that ran."""
    slots: int = 1
    """Number of trials that ran at a time."""

    def plus(self, later: Timings) -> Timings:
        """Return the timings of this bench and a later one together."""
        return Timings(
            began=self.began,
            seconds=self.seconds + later.seconds,
            stages=_sum(self.stages, later.stages),
            phases=_sum(self.phases, later.phases),
            slots=max(self.slots, later.slots),
        )

    def wall_seconds(self) -> dict[str, float]:
        """Return the wall time of each stage before the trials, and of each phase of the trials.

        A second of a trial counts as a share of a second of wall time, one for all slots together. What is left of the
        trials' wall time is ``idle``: slots without a trial.
        """
        spent = {phase: seconds / self.slots for phase, seconds in self.phases.items()}
        before = {stage: seconds for stage, seconds in self.stages.items() if stage != TRIALS}
        return {**before, **spent, "idle": max(0.0, self.stages.get(TRIALS, 0.0) - sum(spent.values()))}


def phases_of(seconds: Mapping[str, float], *, process_seconds: float) -> dict[str, float]:
    """Return the time of a trial by phase, so that all of it is accounted for.

    Args:
        seconds: Times of its record: of each phase, and ``total``.
        process_seconds: How long its process took; 0: not known.
    """
    phases = {phase: each for phase, each in seconds.items() if phase != "total"}
    total = seconds.get("total", 0.0)
    phases[OTHER] = max(0.0, total - sum(phases.values()))
    phases[STARTING] = max(0.0, process_seconds - total)
    return phases


def _sum(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    return {name: first.get(name, 0.0) + second.get(name, 0.0) for name in [*first, *second]}
