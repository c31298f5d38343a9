"""What earlier trials and probes tell of those to come."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from harness.planning.costs import START_SECONDS
from harness.planning.forecast import Expectation, Forecast, Size
from harness.records.keys import result_key
from harness.records.record import DataInfo, ModelInfo, Outcome, Record, SpeedInfo, TrainingInfo
from harness.records.run_summaries import RunSummary, summarize_runs
from harness.records.spec import (
    ArchitectureSpec,
    ClassifierSpec,
    DatasetSpec,
    ExecutionSpec,
    ProviderSpec,
    RecipeSpec,
    TrialSpec,
)
from harness.system.hardware import Hardware

HERE = Hardware(cpu="a cpu", threads=2)
MEASURE = 0.9
"""What measuring takes by default."""


def spec_of(
    model: str = "net",
    data: str = "dots",
    seed: int = 0,
    *,
    epochs: int = 10,
    batch_size: int = 32,
    lr: float = 0.1,
    limit_train: int | None = None,
    fold: int | None = None,
    **execution: Any,
) -> TrialSpec:
    provider = ProviderSpec(plugin="tests")
    return TrialSpec(
        architecture=ArchitectureSpec(full_name=f"tests/{model}", display_name=model, provider=provider),
        dataset=DatasetSpec(
            full_name=f"tests/{data}",
            display_name=data,
            provider=provider,
            limit_train=limit_train,
            folds=None if fold is None else 5,
            fold=fold,
        ),
        recipe=RecipeSpec(
            full_name="tests/r",
            display_name="r",
            provider=provider,
            hyperparameters={"epochs": epochs, "batch_size": batch_size, "lr": lr},
        ),
        seed=seed,
        execution=ExecutionSpec(**execution),
    )


def run_of(
    spec: TrialSpec,
    *,
    train: float = 20.0,
    epochs_run: int | None = None,
    num_learnt: int = 1000,
    image_size: int = 8,
    macs: int | None = 10**6,
    memory: float | None = 100.0,
    device: str = "cpu",
    device_name: str = "a cpu",
    threads: int = 2,
    sharing: int = 1,
    outcome: str = "done",
) -> RunSummary:
    """Make a run whose phases take 1 s besides training: 0.5 s to build, 0.5 s to test 100 images; 0.9 s to measure."""
    precision = "fp32" if device == "cpu" else "bf16"
    execution = spec.execution.model_copy(update={"device": device, "precision": precision, "small_images": "off"})
    spec = spec.model_copy(update={"execution": execution})
    return RunSummary(
        spec=spec,
        outcome=outcome,
        failure="",
        result_key=result_key(spec, fingerprint="f", torch_version=importlib.metadata.version("torch")),
        fingerprint="f",
        image_size=image_size,
        num_learnt=num_learnt,
        num_test=100,
        epochs_run=epochs_run or int(spec.recipe.hyperparameters["epochs"]),
        seconds={"build": 0.5, "train": train, "test": 0.5, "measure": MEASURE, "total": train + 1.0 + MEASURE},
        peak_memory_mib=memory,
        macs=macs,
        device_name=device_name,
        threads=threads,
        sharing=sharing,
    )


def forecast_of(runs: Iterable[RunSummary], **options: Any) -> Forecast:
    forecast = Forecast(hardware=HERE, **options)
    forecast.add(runs)
    return forecast


def expected(runs: Iterable[RunSummary], spec: TrialSpec, **options: Any) -> Expectation:
    return forecast_of(runs, **options).expect(spec)


def test_another_seed_is_expected_to_take_the_median_time_of_earlier_ones() -> None:
    runs = [run_of(spec_of(seed=seed), train=train) for seed, train in enumerate((10.0, 12.0, 30.0))]
    answer = expected(runs, spec_of(seed=9))
    assert answer.seconds == pytest.approx(START_SECONDS + 12.0 + 1.0 + MEASURE)
    assert (answer.peak_memory_mib, answer.basis) == (100.0, "3 runs")


def test_another_seed_is_expected_to_stop_early_as_the_others_did() -> None:
    run = run_of(spec_of(epochs=100), train=7.0, epochs_run=35)
    assert expected([run], spec_of(epochs=100, seed=1)).seconds == pytest.approx(START_SECONDS + 7.0 + 1.0 + MEASURE)


def test_a_network_that_is_tested_as_it_is_costs_no_training_and_says_nothing_of_one_that_is_trained() -> None:
    def tested(data: str = "dots") -> TrialSpec:
        given = ClassifierSpec(kind="file", source="file:net.safetensors", num_classes=2)
        return spec_of(data=data).model_copy(update={"classifier": given})

    run = replace(run_of(tested()), epochs_run=0, seconds={"build": 0.5, "test": 0.5, "measure": MEASURE, "total": 1.9})
    sizes = {"stars": Size(image_size=8, num_learnt=5000, num_test=400)}
    answer = expected([run], tested("stars"), sizes=sizes)
    # Half a second for 100 images, and four times as many.
    assert answer.seconds == pytest.approx(START_SECONDS + 0.5 + 4 * 0.5 + MEASURE)
    assert answer.basis == "other data"
    assert expected([run], spec_of(), sizes=sizes).seconds is None
    assert expected([run_of(spec_of())], tested()).seconds is None


def test_more_epochs_cost_their_training_and_nothing_else_twice() -> None:
    answer = expected([run_of(spec_of(epochs=10), train=20.0)], spec_of(epochs=30))
    assert answer.seconds == pytest.approx(START_SECONDS + 60.0 + 1.0 + MEASURE)
    assert answer.basis == "other length"
    assert answer.peak_memory_mib == 100.0


def test_fewer_images_take_less_training_time() -> None:
    answer = expected([run_of(spec_of(), train=20.0, num_learnt=1000)], spec_of(limit_train=250))
    assert answer.seconds == pytest.approx(START_SECONDS + 5.0 + 1.0 + MEASURE)


def test_other_settings_are_taken_for_equally_quick_and_another_batch_needs_other_memory() -> None:
    answer = expected([run_of(spec_of(batch_size=32))], spec_of(batch_size=128))
    assert (answer.basis, answer.peak_memory_mib) == ("other settings", None)
    assert answer.seconds == pytest.approx(START_SECONDS + 20.0 + 1.0 + MEASURE)


def test_other_data_of_the_same_size_count_by_their_number_of_images() -> None:
    sizes = {"dashes": Size(image_size=8, num_learnt=5000, num_test=200)}
    answer = expected([run_of(spec_of(), train=20.0)], spec_of(data="dashes"), sizes=sizes)
    assert answer.seconds == pytest.approx(START_SECONDS + 0.5 + 100.0 + 2 * 0.5 + MEASURE)
    assert answer.basis == "other data"


@pytest.mark.parametrize("size", [Size(image_size=16, num_learnt=5000, num_test=200), Size(image_size=8), Size()])
def test_data_with_another_or_unknown_size_are_not_used(size: Size) -> None:
    assert expected([run_of(spec_of())], spec_of(data="dashes"), sizes={"dashes": size}) == Expectation()


def test_a_network_that_never_ran_is_unknown() -> None:
    assert expected([run_of(spec_of())], spec_of(model="other")) == Expectation()


def test_the_own_data_count_before_others() -> None:
    runs = [run_of(spec_of(data="dashes"), train=500.0), run_of(spec_of(), train=20.0)]
    assert expected(runs, spec_of(epochs=20)).seconds == pytest.approx(START_SECONDS + 40.0 + 1.0 + MEASURE)


def test_times_of_another_device_are_never_used() -> None:
    """As with speeds, what another machine took says nothing here."""
    runs = [run_of(spec_of(), device_name="another cpu"), run_of(spec_of(), device="cuda:0", device_name="a gpu")]
    assert expected(runs, spec_of(seed=1)).seconds is None


def test_a_gpu_counts_where_the_machine_has_it() -> None:
    forecast = Forecast(hardware=Hardware(cpu="a cpu", gpus=("a gpu",)))
    forecast.add([run_of(spec_of(), device="cuda:0", device_name="a gpu"), run_of(spec_of(), train=500.0)])
    assert forecast.seconds(spec_of(seed=1)) == pytest.approx(START_SECONDS + 20.0 + 1.0 + MEASURE)
    assert forecast.seconds(spec_of(seed=1, device="cpu")) == pytest.approx(START_SECONDS + 500.0 + 1.0 + MEASURE)


def test_runs_with_other_threads_are_used_only_if_there_are_no_others_and_say_so() -> None:
    one, two = run_of(spec_of(), threads=1, train=40.0), run_of(spec_of(), threads=2, train=20.0)
    assert expected([one, two], spec_of(seed=1)).basis == "1 run"
    assert expected([one, two], spec_of(seed=1, threads=1)).seconds == pytest.approx(
        START_SECONDS + 40.0 + 1.0 + MEASURE
    )
    assert expected([one], spec_of(seed=1)).basis == "1 run with 1 thread"


def test_other_precision_and_compilation_are_other_conditions() -> None:
    run = run_of(spec_of())
    assert expected([run], spec_of(seed=1, precision="fp32")).seconds is not None
    assert expected([run], spec_of(seed=1, precision="bf16")).seconds is None
    assert expected([run], spec_of(seed=1, compile="on")).seconds is None


@pytest.mark.parametrize(("asked", "took"), [(0.0, 0.0), (0.3, MEASURE), (1.0, 3.0)])
def test_measuring_takes_the_requested_time(asked: float, took: float) -> None:
    answer = expected([run_of(spec_of())], spec_of(seed=1, measure_seconds=asked))
    assert answer.seconds == pytest.approx(START_SECONDS + 20.0 + 1.0 + took)
    assert answer.alone_seconds == pytest.approx(took)


def test_failed_and_interrupted_runs_give_no_times() -> None:
    assert expected([run_of(spec_of(), outcome="failed")], spec_of(seed=1)) == Expectation()


def test_a_finished_trial_takes_no_time() -> None:
    answer = expected([run_of(spec_of(seed=3))], spec_of(seed=3))
    assert (answer.is_finished, answer.seconds) == (True, 0.0)
    assert not expected([run_of(spec_of(seed=3, epochs=10))], spec_of(seed=3, epochs=11)).is_finished


def test_trials_that_would_run_again_are_not_finished() -> None:
    interrupted, failed = run_of(spec_of(), outcome="interrupted"), run_of(spec_of(), outcome="failed")
    assert not expected([interrupted], spec_of()).is_finished
    assert expected([failed], spec_of()).is_finished
    assert not expected([failed], spec_of(), retry=True).is_finished
    assert not expected([replace(failed, failure="disk")], spec_of()).is_finished


def test_a_result_of_another_code_is_not_finished() -> None:
    assert not expected([replace(run_of(spec_of()), result_key="another")], spec_of()).is_finished


def test_a_fold_is_finished_separately_and_counts_the_others() -> None:
    runs = [run_of(spec_of(fold=2))]
    assert expected(runs, spec_of(fold=2)).is_finished
    other = expected(runs, spec_of(fold=3))
    assert (other.is_finished, other.basis) == (False, "1 run")


def test_a_probe_goes_before_other_data_and_after_runs() -> None:
    forecast = forecast_of([run_of(spec_of())])
    probed = Expectation(seconds=77.0, basis="probe")
    forecast.add_probe(spec_of(epochs=20), probed)
    assert forecast.expect(spec_of(epochs=20, seed=4)) == probed
    forecast.add([run_of(spec_of(epochs=20))])
    assert forecast.expect(spec_of(epochs=20, seed=4)).basis == "1 run"


def test_a_network_known_from_another_machine_is_placed_by_its_multiply_accumulates() -> None:
    """Here an image takes 10 ps for each of them, without noise."""
    runs = [run_of(spec_of(model=f"n{k}"), macs=10**6 * 2**k, train=1e-11 * 10**6 * 2**k * 10**4) for k in range(9)]
    foreign = run_of(spec_of(model="big"), macs=3 * 10**9, device_name="another cpu")
    answer = expected([*runs, foreign], spec_of(model="big", seed=1))
    test_seconds = 100 * 3e9 * 1e-11 / 3
    fixed = START_SECONDS + 0.5 + MEASURE
    assert answer.seconds == pytest.approx(fixed + 3e9 * 1e-11 * 10**4 + test_seconds, rel=1e-3)
    assert answer.basis == "MACs of 9 networks, ×/÷ 1.0"
    assert expected([*runs[:7], foreign], spec_of(model="big", seed=1)) == Expectation()


def test_starting_and_measuring_are_told_apart_whether_others_ran_beside_or_not() -> None:
    for sharing in (1, 2):
        answer = expected([run_of(spec_of(), sharing=sharing)], spec_of(seed=1))
        assert answer.fixed_seconds == pytest.approx(START_SECONDS + 0.5)  # the network is built in half a second
        assert answer.measuring_seconds == pytest.approx(MEASURE)


def _record(spec: TrialSpec) -> Record:
    run = run_of(spec)
    return Record(
        trial_id="trial",
        result_key=run.result_key,
        measurement_key="m",
        outcome=Outcome.DONE,
        spec=run.spec,
        model=ModelInfo(params=10, trainable_params=10, macs=run.macs, mean=(0.5,), std=(0.5,)),
        data=DataInfo(
            fingerprint="f", classes=("a", "b"), image_size=8, channels=1, num_train=900, num_val=100, num_test=100
        ),
        training=TrainingInfo(
            epochs_run=10, tested_epoch=10, best_val_accuracy=1.0, final_train_loss=0.1, seconds=20.0
        ),
        speed=SpeedInfo(peak_memory_mib=100.0),
        seconds=run.seconds,
        environment={"device_name": "a cpu", "threads": 2},
    )


def test_records_give_the_scheduler_the_times_of_trials() -> None:
    """Resolved specs, and no matter which of the devices of a kind a trial gets."""
    forecast = Forecast()
    forecast.add(summarize_runs([_record(spec_of())]))
    assert forecast.seconds(spec_of(seed=1, device="cpu", precision="fp32", threads=2)) == pytest.approx(
        START_SECONDS + 20.0 + 1.0 + MEASURE
    )
    assert forecast.seconds(spec_of(seed=1, device="cuda:1", precision="bf16")) is None
