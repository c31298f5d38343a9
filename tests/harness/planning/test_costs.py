"""Costs of a trial: taken apart, put together again, and fitted to the size of networks."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from harness.planning.costs import (
    LEAST_NETWORKS,
    START_SECONDS,
    CostModel,
    Costs,
    costs_of,
    fit_line,
    measuring_seconds,
)
from harness.records.run_summaries import RunSummary
from harness.records.spec import ArchitectureSpec, DatasetSpec, ExecutionSpec, ProviderSpec, RecipeSpec, TrialSpec

PROVIDER = ProviderSpec(plugin="tests")


def spec_of(**execution: Any) -> TrialSpec:
    return TrialSpec(
        architecture=ArchitectureSpec(full_name="tests/net", display_name="net", provider=PROVIDER),
        dataset=DatasetSpec(full_name="tests/dots", display_name="dots", provider=PROVIDER),
        recipe=RecipeSpec(full_name="tests/r", display_name="r", provider=PROVIDER, hyperparameters={"epochs": 10}),
        seed=0,
        execution=ExecutionSpec(**execution),
    )


def run_of(*, train: float = 20.0, measure: float = 0.9, macs: int | None = 10**6) -> RunSummary:
    """Make a run of 10 epochs over 1000 images and a test on 100, with half a second of building."""
    return RunSummary(
        spec=spec_of(),
        outcome="done",
        failure="",
        result_key="k",
        fingerprint="f",
        image_size=8,
        num_learnt=1000,
        num_test=100,
        epochs_run=10,
        seconds={"build": 0.5, "train": train, "test": 2.0, "measure": measure, "total": train + measure + 2.5},
        peak_memory_mib=None,
        macs=macs,
        device_name="a cpu",
        threads=2,
        sharing=1,
    )


def test_costs_are_per_image_and_epoch_and_per_test_image() -> None:
    costs = costs_of(run_of(), spec_of())
    assert costs.image_seconds == pytest.approx(0.002)
    assert costs.test_image_seconds == pytest.approx(0.02)
    assert costs.measuring_seconds == pytest.approx(0.9)
    assert costs.fixed_seconds == pytest.approx(START_SECONDS + 0.5)


def test_the_sum_of_the_costs_is_the_time_of_the_run() -> None:
    run = run_of()
    costs = costs_of(run, run.spec)
    assert costs.seconds(epochs=10, num_learnt=1000, num_test=100) == pytest.approx(START_SECONDS + 23.4)


def test_costs_are_scaled_to_other_epochs_and_images() -> None:
    costs = Costs(fixed_seconds=1.0, measuring_seconds=2.0, image_seconds=0.01, test_image_seconds=0.1)
    assert costs.seconds(epochs=3, num_learnt=200, num_test=50) == pytest.approx(1.0 + 2.0 + 6.0 + 5.0)
    assert costs.seconds(epochs=0, num_learnt=200, num_test=0) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("execution", "seconds"),
    [
        ({"measure_seconds": 0.3}, 0.9),
        ({"measure_seconds": 2.0}, 6.0),
        ({"measure_seconds": 2.0, "measure_shares": 4}, 1.5),
        ({"measure_seconds": 2.0, "best_inference": True}, 12.0),
        ({"measure_seconds": 0.0, "best_inference": True}, 0.0),
    ],
)
def test_measuring_takes_three_measurements_and_twice_as_many_for_the_fastest_inference(
    execution: dict[str, Any], seconds: float
) -> None:
    assert measuring_seconds(spec_of(**execution)) == pytest.approx(seconds)


def test_a_network_that_was_slow_to_measure_stays_slow_by_as_much() -> None:
    slow = run_of(measure=1.9)
    assert costs_of(slow, spec_of(measure_seconds=1.0)).measuring_seconds == pytest.approx(3.0 + 1.0)
    assert costs_of(slow, spec_of(measure_seconds=0.0)).measuring_seconds == 0.0
    quick = run_of(measure=0.1)
    assert costs_of(quick, spec_of(measure_seconds=1.0)).measuring_seconds == pytest.approx(3.0)


def test_a_power_law_is_found_again() -> None:
    """An image takes 1e-9 · MACs^0.75 seconds here, without noise."""
    runs = [run_of(train=10**4 * 1e-9 * macs**0.75, macs=macs) for macs in (10**6 * 2**k for k in range(9))]
    line = fit_line(runs, spec_of())
    assert line is not None
    assert (line.slope, math.exp(line.intercept)) == (pytest.approx(0.75), pytest.approx(1e-9))
    assert (line.spread, line.networks) == (pytest.approx(1.0), 9)
    costs = line.costs(10**8)
    assert costs.image_seconds == pytest.approx(1e-9 * 10**6)
    assert costs.test_image_seconds == pytest.approx(costs.image_seconds / 3)
    assert costs.fixed_seconds == pytest.approx(START_SECONDS + 0.5)


def test_the_spread_is_the_factor_by_which_networks_are_off() -> None:
    runs = [run_of(macs=10**6 * 4**k, train=4.0**k * (2 if k % 2 else 0.5)) for k in range(12)]
    line = fit_line(runs, spec_of())
    assert line is not None
    assert 1.9 < line.spread < 2.6


def test_no_line_goes_through_too_few_networks_or_networks_of_unknown_size() -> None:
    runs = [run_of(macs=10**6 * 2**k, train=2.0**k) for k in range(LEAST_NETWORKS)]
    assert isinstance(fit_line(runs, spec_of()), CostModel)
    assert fit_line(runs[1:], spec_of()) is None
    assert fit_line([*runs[1:], *runs[1:]], spec_of()) is None
    assert fit_line([*runs[1:], run_of(macs=None)], spec_of()) is None


def test_waiting_for_cores_and_for_others_measurements_is_no_cost() -> None:
    run = run_of()
    waited = dataclasses.replace(
        run, seconds={**run.seconds, "wait": 3.0, "paused": 4.0, "total": run.seconds["total"] + 7.0}
    )
    costs = dataclasses.asdict(costs_of(waited, spec_of()))
    assert costs == pytest.approx(dataclasses.asdict(costs_of(run, spec_of())))
