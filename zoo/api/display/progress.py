"""The state of a running bench, gathered from its events."""

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
_SEPARATOR = " · "


@dataclass(kw_only=True)
class RunningTrial:
    """A running trial."""

    title: str
    number: int
    since: float
    """Start time on the clock of the state."""
    phase: str = "start"
    epoch: EpochEnded | None = None
    """The last finished epoch."""
    best_val_accuracy: float = math.nan

    @property
    def share(self) -> float:
        """Share of its epochs that are done."""
        if self.phase in ("test", "measure"):
            return 1.0
        return min(1.0, self.epoch.epoch / max(1, self.epoch.epochs)) if self.epoch else 0.0


@dataclass(kw_only=True)
class Standing:
    """Provisional results of a combination of model, dataset and recipe over its seeds."""

    model: str
    data: str
    recipe: str
    accuracies: list[float] = field(default_factory=list)
    """Test accuracy of each finished seed in [0, 1]."""
    rates: list[float] = field(default_factory=list)
    """Training images per second of each finished seed."""
    num_failed: int = 0

    @property
    def accuracy(self) -> float:
        """Mean over the finished seeds; NaN if there is none."""
        return fmean(self.accuracies) if self.accuracies else math.nan

    @property
    def rate(self) -> float:
        """Mean training images per second; NaN if unknown."""
        return fmean(self.rates) if self.rates else math.nan


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeLeft:
    """An estimate of the remaining time."""

    seconds: float
    is_bound: bool
    """Whether it is only a lower bound, since the duration of some combinations is unknown."""

    @property
    def words(self) -> str:
        """``at least`` or ``about``, to precede the time."""
        return "at least" if self.is_bound else "about"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedTimes:
    """What the forecast of a plan says before anything has run."""

    seconds: Mapping[str, float] = field(default_factory=dict)
    """Expected seconds of a trial, by its title without the seed; combinations of unknown time are absent."""
    slots: int = 1
    """Number of trials that will run at a time."""


class BenchState:
    """Collects events and summarises the bench."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, expected: ExpectedTimes | None = None) -> None:
        self._clock = clock
        self._forecast = expected or ExpectedTimes()
        self.started_at = clock()
        self.store: Path | None = None
        self.titles: dict[str, str] = {}
        """Titles of all trials of the plan, by ID."""
        self.message: Progress | None = None
        """Progress outside of trials."""
        self.running: dict[str, RunningTrial] = {}
        self.ended: dict[str, TrialEnded] = {}
        self.standings: dict[str, Standing] = {}
        """Provisional results by title without seed."""
        self.over: BenchEnded | None = None
        self.round_seconds = 0.0
        """Duration of the round that ended last: a command with a budget or ``--then`` has several."""
        self.num_rounds = 0
        """How many rounds have ended."""
        self._round_began = self.started_at
        self._durations: dict[str, list[float]] = {}
        self._most_running = 1
        self._latest_data = ""
        self._expected = 0

    @property
    def elapsed(self) -> float:
        """Seconds since the start of the bench."""
        return self._clock() - self.started_at

    @property
    def current(self) -> RunningTrial | None:
        """The running trial that started last."""
        return next(reversed(self.running.values()), None)

    @property
    def total(self) -> int:
        """Number of trials in the plan, or that a search is expected to run."""
        return max(len(self.titles), self._expected)

    @property
    def share(self) -> float:
        """Share of the plan that is done, including epochs of running trials."""
        done = len(self.ended) + sum(each.share for each in self.running.values())
        return done / self.total if self.total else 0.0

    def num_outcome(self, outcome: str) -> int:
        """Return the number of trials with an outcome."""
        return sum(event.outcome == outcome for event in self.ended.values())

    def ranked(self) -> list[Standing]:
        """Return the provisional ranking of each dataset: by mean accuracy, then by name, rows without a score last.

        The dataset of the trial that ended last comes first.
        """

        def key(each: Standing) -> tuple[bool, str, bool, float, str, str]:
            accuracy = -each.accuracy if each.accuracies else 0.0
            return each.data != self._latest_data, each.data, not each.accuracies, accuracy, each.model, each.recipe

        return sorted(self.standings.values(), key=key)

    def handle(self, event: Event) -> None:
        """Handle an event."""
        if isinstance(event, BenchStarted):
            self.store, self.titles, self.message = event.store, dict(event.trials), None
            self.ended, self._expected, self.over = {}, 0, None
        elif isinstance(event, Progress):
            self.message = event
        elif isinstance(event, TrialStarted):
            self.message, self._expected = None, event.total
            self.titles.setdefault(event.trial_id, event.title)
            self.ended.pop(event.trial_id, None)  # a trial of a search that had paused goes on
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
            now = self._clock()
            self.round_seconds, self._round_began, self.num_rounds = now - self._round_began, now, self.num_rounds + 1

    def time_left(self) -> TimeLeft | None:
        """Return an estimate of the remaining time, or None while nothing is known.

        A trial is assumed to take as long as finished seeds of its combination, or else as the plan's forecast says.
        Without either, a running seed is extrapolated from its epochs, which leaves out its test and measurements, and
        a combination that has not started counts for nothing; the estimate is then only a lower bound, as it is once a
        trial takes longer than was assumed. Combinations are not estimated from each other here, because they may
        differ by orders of magnitude. As many trials are assumed to run at a time as the forecast says, or as ever did.
        """
        measured = {**self._forecast.seconds, **{key: fmean(seconds) for key, seconds in self._durations.items()}}
        now, known = self._clock(), dict(measured)
        for trial in self.running.values():
            if trial.epoch is not None:
                known.setdefault(_combination(trial.title), (now - trial.since) / trial.share)
        ends_in = [known.get(_combination(trial.title), 0.0) - (now - trial.since) for trial in self.running.values()]
        left = [max(0.0, seconds) for seconds in ends_in]
        waiting = [title for key, title in self.titles.items() if key not in self.ended and key not in self.running]
        unfinished = [_combination(title) for title in (*waiting, *(each.title for each in self.running.values()))]
        work = sum(left) + sum(known.get(_combination(title), 0.0) for title in waiting)
        proposed_later = max(0, self.total - len(self.titles)) if self._durations else 0  # by a search
        if proposed_later:
            work += proposed_later * fmean(each for durations in self._durations.values() for each in durations)
        seconds = max([0.0, *left, work / max(self._most_running, self._forecast.slots)])
        is_bound = any(key not in measured for key in unfinished) or any(seconds < 0 for seconds in ends_in)
        return (
            None
            if not (unfinished or proposed_later) or not known or (is_bound and seconds == 0.0)
            else TimeLeft(seconds=seconds, is_bound=is_bound)
        )

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
        if _dig(event.record, "spec", "execution", "tests") is False:
            return  # a trial of a search is not ranked
        standing = self.standings.get(key)
        if standing is None:
            standing = self.standings[key] = _standing_of(key, event.record)
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


def _standing_of(combination: str, record: Any) -> Standing:
    """Return an empty standing, named as the title names it, which tells rows of a grid and tuned rows apart."""
    names = combination.split(_SEPARATOR)
    if len(names) != 3:
        names = [_dig(record, "spec", what, "display_name") or "" for what in ("architecture", "dataset", "recipe")]
    model, data, recipe = map(clean, names)
    return Standing(model=model or clean(combination), data=data, recipe=recipe)


def _append(values: list[float], value: object) -> None:
    if isinstance(value, (int, float)) and math.isfinite(value):
        values.append(float(value))


def _dig(data: Any, *keys: str) -> Any:
    for key in keys:
        if not isinstance(data, Mapping):
            return None
        data = data.get(key)
    return data
