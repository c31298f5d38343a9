"""What ``zoo plan`` says of time and memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from harness.planning.forecast import Expectation
from harness.planning.plan_forecast import ExpectedTrial, PlanForecast
from harness.records.record import DataInfo, ModelInfo, Outcome, Record, SpeedInfo, TrainingInfo
from harness.records.spec import ArchitectureSpec, DatasetSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.records.store import write_record
from harness.system.hardware import this_hardware
from zoo.api.running import forecast as forecasting
from zoo.api.running.forecast import cells, expected_times, shares, total

Run = Callable[..., Result]
BASE = ("--models", "tiny_net,tiny_net20", "--data", "dots", "--recipes", "quick")


def _spec(seed: int = 0) -> TrialSpec:
    provider = ProviderSpec(plugin="tests")
    return TrialSpec(
        architecture=ArchitectureSpec(full_name="tests/net", display_name="net", provider=provider),
        dataset=DatasetSpec(full_name="tests/dots", display_name="dots", provider=provider),
        recipe=RecipeSpec(full_name="tests/r", display_name="r", provider=provider, hyperparameters={"epochs": 1}),
        seed=seed,
    )


def _trials(*expected: Expectation) -> tuple[ExpectedTrial, ...]:
    return tuple(ExpectedTrial(spec=_spec(seed), expected=each) for seed, each in enumerate(expected))


KNOWN = Expectation(seconds=90.0, peak_memory_mib=1234.4, basis="2 runs")
FINISHED = Expectation(seconds=0.0, basis="finished", is_finished=True)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ((KNOWN,), ("1 min 30 s", "1,234 MiB", "2 runs")),
        ((FINISHED, KNOWN), ("1 min 30 s", "1,234 MiB", "2 runs; 1 of 2 finished")),
        ((FINISHED, FINISHED), ("", "", "finished")),
        ((Expectation(),), ("", "", "")),
        ((Expectation(seconds=2.0, basis="probe"),), ("2.0 s", "", "probe")),
    ],
)
def test_a_row_shows_the_time_of_one_more_trial(expected: tuple[Expectation, ...], text: tuple[str, ...]) -> None:
    assert cells(_trials(*expected)) == text


@pytest.mark.parametrize(
    ("expected", "slots", "sentence"),
    [
        ((KNOWN, KNOWN), 1, "about 3 min 00 s on 1 slot, 1,234 MiB at a time"),
        ((KNOWN, KNOWN), 2, "about 1 min 30 s on 2 slots, 2,469 MiB at a time"),
        ((FINISHED, KNOWN), 1, "about 1 min 30 s on 1 slot, 1,234 MiB at a time; 1 trial finished already"),
        ((FINISHED, FINISHED), 1, "all trials are finished and will be reused"),
        ((Expectation(),), 1, "time and memory unknown for 1 combination: --probe measures it"),
        (
            (FINISHED, FINISHED, Expectation()),
            1,
            "nothing of what is left has run here yet: time and memory unknown for 1 combination: --probe measures it; "
            "2 trials finished already",
        ),
        (
            (FINISHED, KNOWN, Expectation()),
            1,
            "at least 1 min 30 s on 1 slot, 1,234 MiB at a time; 1 trial finished already; "
            "unknown for 1 combination: --probe measures it",
        ),
        (
            (KNOWN, Expectation()),
            1,
            "at least 1 min 30 s on 1 slot, 1,234 MiB at a time; unknown for 1 combination: --probe measures it",
        ),
    ],
)
def test_the_whole_is_one_sentence(expected: tuple[Expectation, ...], slots: int, sentence: str) -> None:
    assert total(PlanForecast(trials=_trials(*expected), slots=slots), 1) == sentence


def test_what_the_time_goes_into_is_said_where_it_is_known() -> None:
    known = replace(KNOWN, fixed_seconds=9.0, measuring_seconds=0.9)
    plan_forecast = PlanForecast(trials=_trials(known, FINISHED, Expectation()), slots=1)
    assert (
        shares(plan_forecast)
        == "89 % training and testing, 10 % starting, building and ending trials, 1 % measuring speeds"
    )
    assert shares(PlanForecast(trials=_trials(FINISHED, Expectation()), slots=1)) == ""


def _write_run(store: Path, trial: dict[str, Any]) -> None:
    """Write a record of a trial of the plan, as a bench on this machine would."""
    spec = TrialSpec.model_validate(trial)
    execution = spec.execution.model_copy(update={"device": "cpu", "precision": "fp32", "small_images": "on"})
    hardware = this_hardware()
    folder = store / f"trial-{spec.architecture.display_name}-{spec.seed}"
    folder.mkdir(parents=True)
    write_record(
        folder,
        Record(
            trial_id=folder.name,
            result_key="key",
            measurement_key="key",
            outcome=Outcome.DONE,
            spec=spec.model_copy(update={"execution": execution}),
            model=ModelInfo(params=1, trainable_params=1, macs=1, mean=(0.5,), std=(0.5,)),
            data=DataInfo(
                fingerprint="f", classes=("a", "b"), image_size=8, channels=1, num_train=900, num_val=100, num_test=100
            ),
            training=TrainingInfo(
                epochs_run=2, tested_epoch=2, best_val_accuracy=1.0, final_train_loss=0.1, seconds=50.0
            ),
            speed=SpeedInfo(peak_memory_mib=200.0),
            seconds={"build": 1.0, "train": 50.0, "test": 1.0, "measure": 0.9, "total": 52.9},
            environment={"device_name": hardware.cpu, "threads": hardware.threads or 2},
        ),
    )


@pytest.fixture
def store(run_shelf: Run, tmp_path: Path) -> Path:
    """A store with seed 0 of one of two models."""
    out = tmp_path / "store"
    plan = run_shelf("plan", *BASE, "--seeds", "1", "--format", "json", "--out", str(out))
    _write_run(out, json.loads(plan.stdout)["trials"][0])
    return out


def test_the_plan_shows_forecasts_from_records(run_shelf: Run, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasting, "_threads", lambda: 1)
    result = run_shelf("plan", *BASE, "--device", "cpu", "--seeds", "4", "--out", str(store))
    assert result.exit_code == 0, result.stderr
    heading, first, second, *_, whole, last = result.stdout.splitlines()
    assert heading.split()[-5:] == ["batch", "time/seed", "memory", "based", "on"]
    assert first.split()[-5:] == ["s", "200", "MiB", "1", "run"]
    assert second.split()[0] == "tiny_net20"
    # Four trials of 52.9 s and the start of a process each, which measure for a third of the time that it did.
    assert (
        last
        == "of that time: 97 % training and testing, 2 % starting, building and ending trials, 1 % measuring speeds"
    )
    assert whole == "at least 3 min 30 s on 1 slot, 200 MiB at a time; unknown for 1 combination: --probe measures it"


def test_the_plan_as_json_holds_the_forecast_of_each_trial(
    run_shelf: Run, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecasting, "_threads", lambda: 4)  # two trials with two threads each
    result = run_shelf(
        "plan", *BASE, "--device", "cpu", "--seeds", "4", "--out", str(store), "--jobs", "2", "--format", "json"
    )
    plan = json.loads(result.stdout)
    forecast = plan["forecast"]
    assert (forecast["slots"], forecast["unknown"], forecast["finished"]) == (2, 4, 0)
    # Two and two, and each waits while another is timed.
    assert forecast["seconds"] == pytest.approx(2 * 52.3 + 4 * 0.3)
    assert forecast["peak_memory_mib"] == 400.0
    assert len(forecast["trials"]) == len(plan["trials"]) == 8
    first, second, *_ = forecast["trials"]
    assert (first["title"], first["basis"]) == ("tiny_net · dots · quick · seed 0", "1 run")
    assert first["seconds"] == pytest.approx(52.6)
    assert (second["seconds"], second["peak_memory_mib"], second["basis"]) == (None, None, "")


def test_a_dry_run_of_a_bench_forecasts_too(run_shelf: Run, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasting, "_threads", lambda: 4)
    options = (*BASE, "--device", "cpu", "--out", str(store), "--jobs", "2")
    dry = run_shelf("bench", *options, "--dry-run")
    assert dry.exit_code == 0, dry.stderr
    # Three trials of 52.6 s by two at a time, each alone for the 0.3 s in which it is timed.
    assert (
        "at least 1 min 46 s on 2 slots, 0.9 s of it measuring speeds, one trial at a time, 400 MiB at a time"
        in dry.stdout
    )
    assert dry.stdout == run_shelf("plan", *options).stdout


def test_a_number_of_jobs_that_is_none_is_one_sentence(run_shelf: Run) -> None:
    result = run_shelf("plan", *BASE, "--jobs", "many")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("zoo: --jobs many: expected auto or a whole number")


def test_a_bench_expects_what_finished_trials_took(
    run_shelf: Run, store: Path, write_plugin: Callable[..., str], shelf: str
) -> None:
    from zoo.api.benching import form_of
    from zoo.loading import Sources, build_catalog

    sources = Sources(files=(write_plugin(shelf, "shelf"),), builtin=True, entry_points=False, strict=True)
    result = run_shelf("plan", *BASE, "--out", str(store), "--format", "json")
    forecast = json.loads(result.stdout)["forecast"]
    given = {"models": "tiny_net,tiny_net20", "data": "dots", "recipes": "quick", "jobs": 2}
    form, errors = form_of(given, out=store)
    expected = expected_times(form.read(build_catalog(sources), sources, errors=errors))
    due = {
        each["title"].rpartition(" · seed ")[0]: each["seconds"] for each in forecast["trials"] if not each["finished"]
    }
    assert expected.slots == 2
    assert due
    assert {title: expected.seconds.get(title) for title in due} == pytest.approx(due)
