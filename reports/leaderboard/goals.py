"""Goals: what it took a row until its validation accuracy reached a stated one: time, energy and money.

Time and cost to accuracy are those of DAWNBench (Coleman and others, "Analysis of DAWNBench, a time-to-accuracy machine
learning performance benchmark", SIGOPS 2019), with one difference: test images are opened once, after training, so it
is validation accuracy that the history of a trial has for each epoch. Seconds are those of the epochs up to the first
that reaches it, validation included, as they ran. A seed that never reaches it counts as slower than all that do, so
that there is a median as long as most do.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.records.history import read_history
from harness.records.record import Record
from harness.records.runtime_result import runtime_name
from harness.records.store import HISTORY_FILE
from reports.trials.reading import Trial

TIME_KEY, ENERGY_KEY, COST_KEY = "time_to_accuracy", "energy_to_accuracy", "cost_to_accuracy"
GOAL_KEYS = (TIME_KEY, ENERGY_KEY, COST_KEY)
"""Keys of the columns of a goal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Goal:
    """A validation accuracy to reach."""

    accuracy: float
    """In (0, 1]."""
    price_per_hour: float | None = None
    """Price of an hour of what a trial trains on, in any currency; None: costs are not asked for."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of its columns."""
        return GOAL_KEYS if self.price_per_hour is not None else GOAL_KEYS[:2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Amount:
    """An amount over the seeds of a row."""

    median: float | None
    """None if so many seeds never reached the goal that there is no median."""
    low: float | None
    """That of the quickest seed; None if none reached it."""
    high: float | None
    """That of the slowest seed; None if a seed never reached it."""

    def times(self, factor: float) -> Amount:
        """Return it in another unit."""
        ends = (None if each is None else factor * each for each in (self.median, self.low, self.high))
        return Amount(**dict(zip(("median", "low", "high"), ends, strict=True)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """What it took the seeds of a row to reach a goal."""

    goal: Goal
    num_seeds: int
    num_reached: int
    """Number of seeds that reached it."""
    seconds: Amount | None
    """None if the time is not known."""
    joules: Amount | None
    """None if the energy is not known."""
    problem: str = ""
    """Why the time is not known; empty if it is."""
    energy_problem: str = ""
    """Why the energy is not known although the time is; empty otherwise."""

    @property
    def cost(self) -> Amount | None:
        """Hours times the price of an hour; None without a price or time."""
        price = self.goal.price_per_hour
        return None if price is None or self.seconds is None else self.seconds.times(price / 3600)


def reached_by(trials: Sequence[Trial], goal: Goal) -> Reached | None:
    """Return what it took the seeds of a row; None if none of them has a history of epochs.

    Networks that were not trained here have none, nor has a cross-validation as a whole, nor another runtime.
    """
    histories = [(record, _history(folder, record)) for folder, record in trials]
    if not any(epochs for _, epochs in histories):
        return None
    problem = ""
    if any(record.features is not None for record, _ in histories):
        problem = "the features of a frozen backbone are computed once for several trials"
    elif not all(epochs for _, epochs in histories):
        problem = "a seed has no history of all its epochs"
    if problem:
        return Reached(goal=goal, num_seeds=len(histories), num_reached=0, seconds=None, joules=None, problem=problem)
    seconds, joules = [], []
    problems: dict[str, None] = {}
    for record, epochs in histories:
        taken = _until(epochs, goal.accuracy)
        seconds.append(math.inf if taken is None else math.fsum(row["seconds"] for row in taken))
        if taken is None:
            joules.append(math.inf)
        elif all(_is_number(row.get("joules")) for row in taken):
            joules.append(math.fsum(row["joules"] for row in taken))
        else:
            problems[_energy_problem(record)] = None
    return Reached(
        goal=goal,
        num_seeds=len(seconds),
        num_reached=sum(map(math.isfinite, seconds)),
        seconds=_amount(seconds),
        joules=None if problems else _amount(joules),
        energy_problem="; ".join(problems),
    )


def _history(folder: Path, record: Record) -> list[Mapping[str, Any]]:
    if runtime_name(record) or record.training is None:
        return []
    return _epochs(read_history(folder / HISTORY_FILE))


def _energy_problem(record: Record) -> str:
    """Return why epochs of a trial have no energy."""
    training = record.training
    if training is None or not (training.energy_counter or training.energy_problem):
        return "it was not recorded when these trials ran"
    return training.energy_problem or "a trial began without the counter, or gave way to another trial"


def _epochs(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows of all epochs in order, or none if one is missing; the last run of a repeated epoch counts."""
    found = {
        row["epoch"]: row
        for row in rows
        if row.get("event") == "epoch"
        and isinstance(row.get("epoch"), int)
        and _is_number(row.get("seconds"))
        and _is_number(row.get("val_accuracy"))
    }
    return [found[epoch] for epoch in sorted(found)] if sorted(found) == list(range(1, len(found) + 1)) else []


def _until(epochs: Sequence[Mapping[str, Any]], accuracy: float) -> Sequence[Mapping[str, Any]] | None:
    """Return the epochs up to the first that reaches an accuracy; None if there is none."""
    for place, row in enumerate(epochs):
        if row["val_accuracy"] >= accuracy - 1e-9:  # 0.95 of 20 images is 19 of them, whatever the rounding
            return epochs[: place + 1]
    return None


def _amount(values: Sequence[float]) -> Amount:
    def finite(value: float) -> float | None:
        return value if math.isfinite(value) else None

    return Amount(median=finite(statistics.median(values)), low=finite(min(values)), high=finite(max(values)))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
