"""Scheduling: in which order trials go to the slots of a bench, and how long that takes. Pure functions."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from harness.records.spec import TrialSpec


class HasSpec(Protocol):
    """A trial, at whatever stage: all that matters here is what is to be run."""

    @property
    def spec(self) -> TrialSpec:
        """What is to be run."""
        ...


TrialT = TypeVar("TrialT", bound=HasSpec)


def order(trials: Sequence[TrialT], seconds: Callable[[TrialSpec], float | None]) -> list[TrialT]:
    """Return *trials* in the order in which free slots should take them.

    Dataset by dataset, so that a machine holds few of them at a time; within one, seed by seed and fold by fold, so
    that a bench that is stopped has compared all models on the same; within those the longest first, so that no long
    trial is left to begin when the others are over. One whose time is not known could be the longest, and goes before
    those. What is left equal stays in the given order, as do datasets, seeds and folds.

    Args:
        seconds: Returns what a trial is expected to take, or None where that is not known.
    """
    datasets = _ranks(trial.spec.dataset.model_dump_json(exclude={"fold"}) for trial in trials)
    seeds = _ranks((trial.spec.seed, trial.spec.dataset.model_dump_json()) for trial in trials)
    expected = [seconds(trial.spec) for trial in trials]
    keys = [
        (dataset, seed, 0.0 if each is None else 1.0, 0.0 if each is None else -each)
        for dataset, seed, each in zip(datasets, seeds, expected, strict=True)
    ]
    return [trials[index] for index in sorted(range(len(trials)), key=keys.__getitem__)]


def makespan(seconds: Iterable[float], slots: int) -> float:
    """Return when the last trial ends, if each in turn goes to the slot that is free first.

    By whatever order, that is at most ``2 - 1 / slots`` times the shortest possible (R. L. Graham, "Bounds for certain
    multiprocessing anomalies", 1966), and with the longest first ``4/3 - 1 / (3 * slots)`` times (1969).

    Args:
        seconds: What each trial takes, in the order of their start.
        slots: How many run at a time; at least 1.
    """
    if slots < 1:
        raise ValueError(f"there must be at least 1 slot, not {slots}")
    free_at = [0.0] * slots
    for each in seconds:
        heapq.heapreplace(free_at, free_at[0] + each)
    return max(free_at)


def _ranks(values: Iterable[object]) -> list[int]:
    """Return for each value how many others came up before it did first."""
    first: dict[object, int] = {}
    return [first.setdefault(value, len(first)) for value in values]
