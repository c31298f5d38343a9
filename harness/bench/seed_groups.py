"""Seed groups: which trials differ only in the seed, so that one process may train them together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from harness.bench.settings import BenchSettings
from harness.records.record import Record
from harness.records.spec import ExecutionSpec, stable_hash
from harness.trial.resolved_trial import ResolvedTrial
from zoo.events import Event, PhaseStarted

MOST_SEEDS = 8
"""Seeds in a group: with more, a GPU waits for the images of each seed rather than for launches."""


class SeedGroups:
    """Tells which waiting trials a starting one should train as well, and keeps them back until it holds them.

    A group whose first trial was not trained together is not tried again.
    """

    def __init__(self, settings: BenchSettings) -> None:
        self._is_local = settings.remote is None
        self._shares_device = settings.slots.jobs_per_device > 1
        self._apart: set[str] = set()
        self._known: dict[str, str] = {}
        """Group of each trial seen so far, by its name."""
        self._leaders: dict[str, set[str]] = {}
        """Trials that wait for a leader to hold them, by the leader; a leader that holds them has none left."""

    def start(
        self,
        trial: ResolvedTrial,
        waiting: Iterable[ResolvedTrial],
        *,
        is_due: Callable[[ResolvedTrial], bool],
        num_slots: int,
    ) -> list[ResolvedTrial]:
        """Return the companions of a trial that starts now, possibly none.

        Args:
            waiting: All trials that wait.
            is_due: Tells whether one of them has to run; it may have a record.
            num_slots: How many trials run at a time; groups leave no slot empty.
        """
        if not self._is_local or not self._may_train_together(trial.spec.execution):
            return []
        key = self._group(trial)
        if key in self._apart or trial.spec.classifier is not None:
            return []
        groups = [(self._group(each), each) for each in waiting if each.trial_id != trial.trial_id]
        found = [
            each
            for group, each in groups
            if group == key and each.prepared == trial.prepared and not self.is_awaited(each) and is_due(each)
        ]
        slots_each = max(1, num_slots // len({key, *(group for group, _ in groups)}))
        found = found[: min(MOST_SEEDS, math.ceil((1 + len(found)) / slots_each)) - 1]
        if found:
            self._leaders[trial.trial_id] = {each.trial_id for each in found}
        return found

    def is_awaited(self, trial: ResolvedTrial) -> bool:
        """Return whether another trial has been asked to train this one, and has not yet locked its folder."""
        return any(trial.trial_id in kept for kept in self._leaders.values())

    def follow(self, event: Event) -> None:
        """Note an event of a trial: when its training begins, it holds those that it trains."""
        if isinstance(event, PhaseStarted) and event.phase == "train" and event.trial_id in self._leaders:
            self._leaders[event.trial_id] = set()

    def end(self, trial: ResolvedTrial, record: Record | None, *, fell_apart: bool = False) -> None:
        """Note the end of a trial.

        Args:
            fell_apart: Whether its process ended while it had companions.
        """
        if self._leaders.pop(trial.trial_id, None) is None and not fell_apart:
            return
        if fell_apart or record is None or record.tuning is None or not record.tuning.batched_seeds:
            self._apart.add(group_of(trial))

    def _group(self, trial: ResolvedTrial) -> str:
        """Return a trial's group, computed once: a bench may have thousands that wait."""
        if trial.trial_id not in self._known:
            self._known[trial.trial_id] = group_of(trial)
        return self._known[trial.trial_id]

    def _may_train_together(self, execution: ExecutionSpec) -> bool:
        """Return whether seeds were asked to train together, or may where it pays off."""
        if execution.gpus_per_trial > 1 or execution.pause_after is not None or not execution.tests:
            return False
        if execution.batched_seeds == "auto":
            return not execution.device.startswith("cpu") and not self._shares_device
        return execution.batched_seeds == "on"


def group_of(trial: ResolvedTrial) -> str:
    """Return what a trial shares with those that differ only in the seed."""
    return stable_hash(trial.spec.model_copy(update={"seed": 0}).model_dump(mode="json"))


def not_here(trials: Sequence[ResolvedTrial]) -> list[str]:
    """Return a note if seeds were asked to train together on other machines, where they do not."""
    if not any(trial.spec.execution.batched_seeds == "on" for trial in trials):
        return []
    return ["--batched-seeds on: on the machines of an executor each seed is trained alone"]
