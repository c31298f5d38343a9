"""Costs: the time of a trial taken apart, so that it can be put together again for other settings."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from harness.records.run_summaries import RunSummary
from harness.records.spec import TrialSpec

START_SECONDS = 0.3
"""What a record's total leaves out: a process, the plugins, the notice that it is over. Seen on two busy cores."""

MEASUREMENTS = 3.0
"""Measurements of speed in a trial, in units of ``measure_seconds``: inference and training take one each, latency and
the reference network one half. The search for the fastest inference takes as much again."""

LEAST_NETWORKS = 8
"""A line through fewer networks than this says nothing."""

FORWARD_SHARE = 1 / 3
"""Forward passes take about a third of a training step, whose backward pass does two multiplications for each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Costs:
    """What a trial costs."""

    fixed_seconds: float
    """Starting, building, writing."""
    measuring_seconds: float
    """Measuring speeds, for which a trial has its device alone."""
    image_seconds: float
    """For each image and epoch: training, validation and saving together."""
    test_image_seconds: float
    """For each test image."""

    def seconds(self, *, epochs: int, num_learnt: int, num_test: int) -> float:
        """Return what a trial of so many epochs and images takes."""
        images = epochs * num_learnt * self.image_seconds + num_test * self.test_image_seconds
        return self.fixed_seconds + self.measuring_seconds + images


def costs_of(run: RunSummary, spec: TrialSpec) -> Costs:
    """Take the time of a trial that ran apart, and count the measuring that *spec* asks for in place of its own."""
    train, test, measure = run.seconds["train"], run.seconds["test"], run.seconds["measure"]
    others = run.seconds["total"] - train - test - measure
    planned = measuring_seconds(spec)
    if planned > 0:
        # Slow networks take longer than they should, by as much whatever is asked for.
        planned += max(0.0, measure - measuring_seconds(run.spec))
    return Costs(
        fixed_seconds=START_SECONDS + max(0.0, others),
        measuring_seconds=planned,
        image_seconds=train / (run.epochs_run * run.num_learnt),
        test_image_seconds=test / run.num_test,
    )


def measuring_seconds(spec: TrialSpec) -> float:
    """Return how long speeds are to be measured."""
    times = MEASUREMENTS * (2 if spec.execution.best_inference else 1)
    return times * spec.execution.measure_seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class CostModel:
    """The time for each image and epoch over a network's multiply-accumulates: a power law."""

    intercept: float
    slope: float
    spread: float
    """By what factor two thirds of the networks are off at most: the residuals' standard deviation, as a factor."""
    networks: int
    fixed_seconds: float
    measuring_seconds: float
    """Of both the median."""

    def costs(self, macs: int) -> Costs:
        """Return what a network of so many multiply-accumulates for each image would cost."""
        image_seconds = math.exp(self.intercept + self.slope * math.log(macs))
        return Costs(
            fixed_seconds=self.fixed_seconds,
            measuring_seconds=self.measuring_seconds,
            image_seconds=image_seconds,
            test_image_seconds=FORWARD_SHARE * image_seconds,
        )


def fit_line(runs: Iterable[RunSummary], spec: TrialSpec) -> CostModel | None:
    """Fit a line to the logarithms, by least squares; None where the networks are too few, or all alike."""
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
