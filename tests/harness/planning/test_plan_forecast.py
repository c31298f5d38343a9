"""Time and memory of a whole plan."""

from __future__ import annotations

import pytest

from harness.planning.forecast import Expectation, Forecast
from harness.planning.plan_forecast import ExpectedTrial, PlanForecast, forecast_plan
from harness.records.spec import ArchitectureSpec, DatasetSpec, ProviderSpec, RecipeSpec, TrialSpec


def spec_of(model: str) -> TrialSpec:
    provider = ProviderSpec(plugin="tests")
    return TrialSpec(
        architecture=ArchitectureSpec(full_name=f"tests/{model}", display_name=model, provider=provider),
        dataset=DatasetSpec(full_name="tests/dots", display_name="dots", provider=provider),
        recipe=RecipeSpec(full_name="tests/r", display_name="r", provider=provider, hyperparameters={"epochs": 1}),
        seed=0,
    )


def plan_of(*expected: Expectation, slots: int = 1, share_device: bool = False) -> PlanForecast:
    trials = tuple(ExpectedTrial(spec=spec_of(f"net{number}"), expected=each) for number, each in enumerate(expected))
    return PlanForecast(trials=trials, slots=slots, share_device=share_device)


FINISHED = Expectation(seconds=0.0, is_finished=True)


def test_one_slot_takes_the_sum_and_more_of_them_a_share() -> None:
    expected = [Expectation(seconds=seconds, alone_seconds=1.0) for seconds in (10.0, 20.0, 30.0)]
    assert plan_of(*expected).seconds == pytest.approx(60.0)
    # The longest goes first: 30 s on one slot, 20 s and then 10 s on the other.
    assert plan_of(*expected, slots=2).seconds == pytest.approx(30.0)
    # On one device, others wait while one is timed.
    shared = plan_of(*expected, slots=2, share_device=True)
    assert shared.seconds == pytest.approx(3 * 1.0 + 29.0)
    assert shared.alone_seconds == pytest.approx(3.0)


def test_the_time_is_shared_among_training_starting_and_measuring() -> None:
    known = Expectation(seconds=20.0, fixed_seconds=1.0, measuring_seconds=0.5)
    long = Expectation(seconds=80.0, fixed_seconds=1.0, measuring_seconds=1.5)
    shares = plan_of(known, long, FINISHED, Expectation()).shares
    assert shares == pytest.approx({"train": 0.96, "start": 0.02, "measure": 0.02})
    assert plan_of(FINISHED, Expectation()).shares == {}


def test_the_whole_counts_what_is_finished_and_what_is_unknown() -> None:
    plan_forecast = plan_of(FINISHED, Expectation(seconds=7.0, peak_memory_mib=100.0), Expectation(), slots=3)
    assert plan_forecast.num_finished == 1
    assert [trial.spec.architecture.display_name for trial in plan_forecast.unknown] == ["net2"]
    assert plan_forecast.seconds == pytest.approx(7.0)
    assert plan_forecast.peak_memory_mib == 100.0


def test_memory_at_a_time_is_that_of_the_largest_trials() -> None:
    expected = [Expectation(seconds=1.0, peak_memory_mib=memory) for memory in (10.0, 200.0, 50.0)]
    assert plan_of(*expected, slots=2).peak_memory_mib == 250.0


def test_each_trial_of_a_plan_gets_its_expectation() -> None:
    forecast = Forecast()
    probed = Expectation(seconds=3.0, basis="probe")
    forecast.add_probe(spec_of("known"), probed)
    plan_forecast = forecast_plan([spec_of("other"), spec_of("known")], forecast, slots=2, cores=4)
    assert [trial.expected for trial in plan_forecast.trials] == [Expectation(), probed]
    assert (plan_forecast.slots, plan_forecast.cores, plan_forecast.share_device) == (2, 4, False)
