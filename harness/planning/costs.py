"""Costs: the components of a trial's time, from which its time with other settings is estimated."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from harness.records.run_summaries import RunSummary
from harness.records.spec import TrialSpec

START_SECONDS = 0.3
"""Time that a record's total does not include: starting the process and loading plugins. Measured on two busy cores."""

MEASUREMENTS = 3.0
"""Time for speed measurements in a trial, in units of their duration: one each for inference and training, half a
unit each for latency and the reference network. The search for the fastest inference takes the same time again."""

LEAST_NETWORKS = 8
"""Minimum number of networks for fitting a line."""

FORWARD_SHARE = 1 / 3
"""Share of a training step spent in the forward pass; the backward pass takes about twice as many multiplications."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Costs:
    """The time of a trial, by component."""

    fixed_seconds: float
    """Time for starting, building and writing."""
    measuring_seconds: float
    """Time for measuring speeds, when a trial has the device to itself."""
    image_seconds: float
    """Time per image and epoch for training, validation and saving together."""
    test_image_seconds: float
    """Time per test image."""

    def seconds(self, *, epochs: int, num_learnt: int, num_test: int) -> float:
        """Return the time of a trial with these numbers of epochs and images."""
        images = epochs * num_learnt * self.image_seconds + num_test * self.test_image_seconds
        return self.fixed_seconds + self.measuring_seconds + images


def costs_of(run: RunSummary, spec: TrialSpec) -> Costs:
    """Split the time of a past trial into components, with the measuring time that *spec* sets instead of its own."""
    # What is tested as it is trains on no image.
    train, test, measure = run.seconds.get("train", 0.0), run.seconds["test"], run.seconds["measure"]
    # Waiting for cores, or for the device, is no cost of the trial, but of those that had them.
    waited = run.seconds.get("wait", 0.0) + run.seconds.get("paused", 0.0)
    others = run.seconds["total"] - train - test - measure - waited
    planned = measuring_seconds(spec)
    if planned > 0:
        # Slow networks overrun the measuring time, by the same amount for any setting.
        planned += max(0.0, measure - measuring_seconds(run.spec))
    return Costs(
        fixed_seconds=START_SECONDS + max(0.0, others),
        measuring_seconds=planned,
        image_seconds=train / max(1, run.epochs_run * run.num_learnt),
        test_image_seconds=test / run.num_test,
    )


def measuring_seconds(spec: TrialSpec) -> float:
    """Return the planned time for speed measurements."""
    times = MEASUREMENTS * (2 if spec.execution.best_inference else 1)
    return times * spec.execution.own_measure_seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class CostModel:
    """A power law for the time per image and epoch as a function of a network's multiply-accumulates."""

    intercept: float
    slope: float
    spread: float
    """Standard deviation of the residuals, as a factor; about two thirds of the networks are within it."""
    networks: int
    fixed_seconds: float
    measuring_seconds: float
    """Median time for measuring speeds."""

    def costs(self, macs: int) -> Costs:
        """Return the expected costs of a network with *macs* multiply-accumulates per image."""
        image_seconds = math.exp(self.intercept + self.slope * math.log(macs))
        return Costs(
            fixed_seconds=self.fixed_seconds,
            measuring_seconds=self.measuring_seconds,
            image_seconds=image_seconds,
            test_image_seconds=FORWARD_SHARE * image_seconds,
        )


def fit_line(runs: Iterable[RunSummary], spec: TrialSpec) -> CostModel | None:
    """Fit a line to the logarithms by least squares; None if there are too few networks, or all have the same size."""
    seen: dict[int, list[Costs]] = defaultdict(list)
    for run in runs:
        if run.macs:
            seen[run.macs].append(costs_of(run, spec))
    if len(seen) < LEAST_NETWORKS:
        return None
    xs = [math.log(macs) for macs in seen]
    ys = [math.log(max(1e-12, statistics.median(each.image_seconds for each in costs))) for costs in seen.values()]
    slope, intercept = statistics.linear_regression(xs, ys)
    residuals = [y - intercept - slope * x for x, y in zip(xs, ys, strict=True)]
    return CostModel(
        intercept=intercept,
        slope=slope,
        spread=math.exp(math.sqrt(sum(each**2 for each in residuals) / (len(residuals) - 2))),
        networks=len(seen),
        fixed_seconds=statistics.median(each.fixed_seconds for costs in seen.values() for each in costs),
        measuring_seconds=statistics.median(each.measuring_seconds for costs in seen.values() for each in costs),
    )
