"""What is known of a bench while it runs, gathered from its events; how it is shown is another matter."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from zoo.events import (
    BenchEnded,
    BenchStarted,
    EpochEnded,
    Event,
    PhaseStarted,
    Progress,
    TrialEnded,
    TrialStarted,
)
from zoo.text import clean

_SEED = " · seed "


@dataclass(kw_only=True)
class RunningTrial:
    """A trial that runs."""

    title: str
    number: int
    since: float
    """When it started, on the state's clock."""
    phase: str = "start"
    epoch: EpochEnded | None = None
    """The last one that ended."""
    best_val_accuracy: float = math.nan

    @property
    def share(self) -> float:
        """Share of its epochs that are over."""
        if self.phase in ("test", "measure"):
            return 1.0
        return min(1.0, self.epoch.epoch / max(1, self.epoch.epochs)) if self.epoch else 0.0


@dataclass(kw_only=True)
class Standing:
    """What one combination of model, dataset and recipe has come to so far, over its seeds."""

    model: str
    data: str
    recipe: str
    accuracies: list[float] = field(default_factory=list)
    """Test accuracy of each finished seed, as a share."""
    rates: list[float] = field(default_factory=list)
    """Training images per second of each finished seed."""
    num_failed: int = 0

    @property
    def accuracy(self) -> float:
        """Mean over the finished seeds; NaN where there is none."""
        return fmean(self.accuracies) if self.accuracies else math.nan

    @property
    def rate(self) -> float:
        """Mean training images per second; NaN where it is not known."""
        return fmean(self.rates) if self.rates else math.nan


class BenchState:
    """Hears events and answers questions about the bench."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.started_at = clock()
        self.store: Path | None = None
        self.titles: dict[str, str] = {}
        """Title of every trial of the plan, by id."""
        self.message: Progress | None = None
        """What goes on apart from trials."""
        self.running: dict[str, RunningTrial] = {}
        self.ended: dict[str, TrialEnded] = {}
        self.standings: dict[str, Standing] = {}
        """By title without seed."""
        self.over: BenchEnded | None = None
        self._durations: dict[str, list[float]] = {}
        self._most_running = 1
        self._latest_data = ""

    @property
    def elapsed(self) -> float:
        """Seconds since the bench began."""
        return self._clock() - self.started_at

    @property
    def current(self) -> RunningTrial | None:
        """The trial that started last, of those that run."""
        return next(reversed(self.running.values()), None)

    @property
    def total(self) -> int:
        """Trials in the plan."""
        return len(self.titles)

    @property
    def share(self) -> float:
        """Share of the plan that is done, epochs of running trials included."""
        done = len(self.ended) + sum(each.share for each in self.running.values())
        return done / self.total if self.total else 0.0

    def num_outcome(self, outcome: str) -> int:
        """Return how many trials ended so."""
        return sum(event.outcome == outcome for event in self.ended.values())

    def ranked(self) -> list[Standing]:
        """Return what there is of a leaderboard: each dataset by mean accuracy, without a score last, ties by name.

        The dataset of the trial that ended last comes first.
        """

        def key(each: Standing) -> tuple[bool, str, bool, float, str, str]:
            accuracy = -each.accuracy if each.accuracies else 0.0
            return each.data != self._latest_data, each.data, not each.accuracies, accuracy, each.model, each.recipe

        return sorted(self.standings.values(), key=key)

    def hear(self, event: Event) -> None:
        """Take in an event."""
        if isinstance(event, BenchStarted):
            self.store, self.titles, self.message = event.store, dict(event.trials), None
        elif isinstance(event, Progress):
            self.message = event
        elif isinstance(event, TrialStarted):
            self.message = None
            self.running[event.trial_id] = RunningTrial(title=event.title, number=event.number, since=self._clock())
            self._most_running = max(self._most_running, len(self.running))
        elif isinstance(event, PhaseStarted):
            if event.trial_id in self.running:
                self.running[event.trial_id].phase = event.phase
        elif isinstance(event, EpochEnded):
            self._hear_epoch(event)
        elif isinstance(event, TrialEnded):
            self._hear_end(event)
        elif isinstance(event, BenchEnded):
            self.running.clear()
            self.message, self.over = None, event

    def seconds_left(self) -> float | None:
        """Return how long the rest may take, or None while nothing is known.

        A trial is taken to last as long as other seeds of its combination did, or as the mean of all that ended; a
        running one with no such example goes by its epochs. As many run at a time as ever did so far.
        """
        means = {key: fmean(seconds) for key, seconds in self._durations.items()}
        now, left = self._clock(), [0.0]
        guesses = list(means.values())
        for trial in self.running.values():
            spent = now - trial.since
            known = means.get(_combination(trial.title))
            if known is None and trial.epoch is not None:
                known = spent / trial.share
                guesses.append(known)
            if known is None and not guesses:
                return None
            left.append(max(0.0, (fmean(guesses) if known is None else known) - spent))
        waiting = [title for key, title in self.titles.items() if key not in self.ended and key not in self.running]
        if waiting and not guesses:
            return None
        work = sum(left) + sum(means.get(_combination(title)) or fmean(guesses) for title in waiting)
        return max(*left, work / self._most_running)

    def _hear_epoch(self, event: EpochEnded) -> None:
        trial = self.running.get(event.trial_id)
        if trial is None:
            return
        trial.epoch = event
        if not event.val_accuracy <= trial.best_val_accuracy:
            trial.best_val_accuracy = event.val_accuracy

    def _hear_end(self, event: TrialEnded) -> None:
        running = self.running.pop(event.trial_id, None)
        self.ended[event.trial_id] = event
        self.titles.setdefault(event.trial_id, event.title)
        key = _combination(event.title)
        if running is not None and not event.reused and event.outcome == "done":
            self._durations.setdefault(key, []).append(self._clock() - running.since)
        standing = self.standings.get(key)
        if standing is None:
            names = [_dig(event.record, "spec", what, "display_name") for what in ("architecture", "dataset", "recipe")]
            model, data, recipe = (clean(name) if name else "" for name in names)
            standing = self.standings[key] = Standing(model=model or clean(key), data=data, recipe=recipe)
        self._latest_data = standing.data
        if event.outcome == "failed":
            standing.num_failed += 1
        if event.outcome == "done":
            _append(standing.accuracies, accuracy_of(event))
            _append(standing.rates, _dig(event.record, "speed", "train_end_to_end", "median"))


def accuracy_of(event: TrialEnded) -> float | None:
    """Return a trial's test accuracy as a share, or None where it has none."""
    value = _dig(event.record, "metrics", "accuracy", "value")
    return float(value) if isinstance(value, (int, float)) else None


def _combination(title: str) -> str:
    return title.rpartition(_SEED)[0] or title


def _append(values: list[float], value: object) -> None:
    if isinstance(value, (int, float)) and math.isfinite(value):
        values.append(float(value))


def _dig(data: Any, *keys: str) -> Any:
    for key in keys:
        if not isinstance(data, Mapping):
            return None
        data = data.get(key)
    return data
