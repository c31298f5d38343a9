"""The forecast of a whole plan: time, what it goes into, and memory, given how many trials run at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.planning.forecast import Expectation, Forecast
from harness.planning.scheduling import makespan, order
from harness.records.spec import TrialSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedTrial:
    """A trial with its expected time and memory."""

    spec: TrialSpec
    expected: Expectation


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanForecast:
    """The expected time and memory of a whole plan."""

    trials: tuple[ExpectedTrial, ...]
    """The trials in the plan's order."""
    slots: int
    """Number of trials that run at a time."""
    share_device: bool = False
    """Whether they share a device, and wait while another trial measures speeds."""
    cores: int | None = None
    """Number of cores that they take turns on; None: they do not take turns."""

    @property
    def unknown(self) -> tuple[ExpectedTrial, ...]:
        """Trials with unknown times."""
        return tuple(trial for trial in self.trials if trial.expected.seconds is None)

    @property
    def num_finished(self) -> int:
        """Number of trials with a record to reuse."""
        return sum(trial.expected.is_finished for trial in self.trials)

    @property
    def seconds(self) -> float:
        """Time of all trials with known times, in the order in which a bench runs them."""
        to_run = [trial for trial in self.trials if not trial.expected.is_finished]
        expected = {id(trial.spec): trial.expected.seconds for trial in to_run}
        known = [
            trial.expected
            for trial in order(to_run, lambda spec: expected[id(spec)])
            if trial.expected.seconds is not None
        ]
        alone = [each.alone_seconds if self.share_device and self.slots > 1 else 0.0 for each in known]
        return sum(alone) + makespan(
            [(each.seconds or 0.0) - one for each, one in zip(known, alone, strict=True)],
            self.slots,
            threads=[each.threads for each in known],
            cores=self.cores,
        )

    @property
    def alone_seconds(self) -> float:
        """Part of :attr:`seconds` in which a trial measures speeds while the others wait."""
        if not self.share_device or self.slots == 1:
            return 0.0
        return sum(trial.expected.alone_seconds for trial in self.trials if not trial.expected.is_finished)

    @property
    def shares(self) -> dict[str, float]:
        """Parts of the time of the trials to run that ``train`` and test them, ``start`` and end them, and ``measure``
        their speeds; empty if no time is known.
        """
        known = [
            trial.expected
            for trial in self.trials
            if not trial.expected.is_finished and trial.expected.seconds is not None
        ]
        total = sum(each.seconds or 0.0 for each in known)
        if not total:
            return {}
        start, measure = sum(each.fixed_seconds for each in known), sum(each.measuring_seconds for each in known)
        return {"train": max(0.0, 1 - (start + measure) / total), "start": start / total, "measure": measure / total}

    @property
    def peak_memory_mib(self) -> float | None:
        """Upper bound of the memory of trials that run at the same time, as far as known."""
        peaks = [trial.expected.peak_memory_mib for trial in self.trials]
        known = sorted((peak for peak in peaks if peak is not None), reverse=True)
        return sum(known[: self.slots]) if known else None


def forecast_plan(
    trials: Iterable[TrialSpec],
    forecast: Forecast,
    *,
    slots: int = 1,
    share_device: bool = False,
    cores: int | None = None,
) -> PlanForecast:
    """Return a forecast for *trials* that run in a number of slots."""
    expected = tuple(ExpectedTrial(spec=spec, expected=forecast.expect(spec)) for spec in trials)
    return PlanForecast(trials=expected, slots=slots, share_device=share_device, cores=cores)
