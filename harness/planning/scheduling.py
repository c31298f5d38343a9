"""Scheduling: the order in which trials go to the slots of a bench, and the time that takes. Pure functions."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from harness.records.spec import TrialSpec


class HasSpec(Protocol):
    """Any object with the spec of a trial."""

    @property
    def spec(self) -> TrialSpec:
        """The spec of the trial."""
        ...


TrialT = TypeVar("TrialT", bound=HasSpec)


def order(trials: Sequence[TrialT], seconds: Callable[[TrialSpec], float | None]) -> list[TrialT]:
    """Return *trials* in the order in which free slots should run them.

    Trials are ordered by dataset, so that a machine has few datasets in memory at a time; then by seed and fold, so
    that a stopped bench has run all models on the same ones; then by time, the longest first, so that no long trial
    starts when the others are done. Trials with unknown times could be the longest and go first. Ties keep the given
    order, as do datasets, seeds and folds.

    Args:
        seconds: Returns the expected time of a trial, or None if unknown.
    """
    datasets = _ranks(trial.spec.dataset.model_dump_json(exclude={"fold"}) for trial in trials)
    seeds = _ranks((trial.spec.seed, trial.spec.dataset.model_dump_json()) for trial in trials)
    expected = [seconds(trial.spec) for trial in trials]
    keys = [
        (dataset, seed, 0.0 if each is None else 1.0, 0.0 if each is None else -each)
        for dataset, seed, each in zip(datasets, seeds, expected, strict=True)
    ]
    return [trials[index] for index in sorted(range(len(trials)), key=keys.__getitem__)]


def of_one_seed(trials: Sequence[HasSpec]) -> bool:
    """Return whether *trials* are those of one dataset and seed, so that only their times decide on their order."""
    return all(each.spec.seed == trials[0].spec.seed and each.spec.dataset == trials[0].spec.dataset for each in trials)


def makespan(
    seconds: Iterable[float], slots: int, *, threads: Iterable[int] = itertools.repeat(1), cores: int | None = None
) -> float:
    """Return when the last trial ends, if each trial in turn goes to the first free slot.

    In any order, this is at most ``2 - 1 / slots`` times the shortest possible time (R. L. Graham, "Bounds for certain
    multiprocessing anomalies", 1966), and at most ``4/3 - 1 / (3 * slots)`` times with the longest first (1969).

    Args:
        seconds: Times of the trials, in the order in which they start.
        slots: Number of trials that run at a time; at least 1.
        threads: Number of cores that each trial takes, in the same order.
        cores: Number of cores; None: enough for all slots.
    """
    if slots < 1:
        raise ValueError(f"there must be at least 1 slot, not {slots}")
    free = most = slots if cores is None else max(1, cores)
    running: list[tuple[float, int]] = []
    now = end = 0.0
    for each, wanted in zip(seconds, threads, strict=False):
        count = min(wanted, most)
        while len(running) == slots or free < count:
            now, freed = heapq.heappop(running)
            free += freed
        free -= count
        heapq.heappush(running, (now + each, count))
        end = max(end, now + each)
    return end


def _ranks(values: Iterable[object]) -> list[int]:
    """Return for each value how many distinct values appeared before it."""
    first: dict[object, int] = {}
    return [first.setdefault(value, len(first)) for value in values]
