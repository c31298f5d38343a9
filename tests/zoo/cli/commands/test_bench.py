from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

import harness.bench.bench
from harness.bench.bench import BenchSummary
from harness.bench.timings import Timings
from harness.records.keys import measurement_key
from harness.records.record import DataInfo, Failure, FailureKind, MetricValue, Outcome, Record
from harness.records.spec import TrialSpec
from harness.records.store import RECORD_FILE, trial_id, write_record
from zoo.events import BenchStarted

Run = Callable[..., Result]
ENVIRONMENT = {"device_name": "", "driver": "", "threads": 1, "torch": "2.11.0"}

METRICS = {
    "accuracy": MetricValue(value=0.875),
    "luck": MetricValue(value=0.5),
    "average_precision": MetricValue(value=None),
}
IMAGES = DataInfo(
    fingerprint="f" * 64, classes=("a", "b"), image_size=8, channels=1, num_train=90, num_val=10, num_test=50
)


def _record(spec: TrialSpec, outcome: Outcome) -> Record:
    done = outcome is Outcome.DONE
    failure = Failure(kind=FailureKind.DIVERGED, message="the loss was [red]not[/red] finite")
    return Record(
        trial_id=trial_id(spec, "a" * 64),
        result_key="a" * 64,
        measurement_key=measurement_key(spec, ENVIRONMENT),
        outcome=outcome,
        spec=spec,
        failure=failure if outcome is Outcome.FAILED else None,
        reason="" if done else failure.message,
        data=IMAGES,
        metrics=METRICS if done else {},
        seconds={"total": 1.5},
        environment=ENVIRONMENT,
    )


@pytest.fixture
def fake_bench(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A bench that writes records without training; a test says how trials end, and reads what was asked."""
    script: dict[str, Any] = {"outcomes": {}, "interrupted": False}

    def run_bench(plan: Any, *, store: Any, emit: Any, **asked: Any) -> BenchSummary:
        script.update(asked)
        store.create()
        emit(BenchStarted(store=store.root, trials=tuple((str(each.seed), each.title) for each in plan.trials)))
        records = [_record(each, script["outcomes"].get(each.seed, Outcome.DONE)) for each in plan.trials]
        for record in records:
            store.folder(record.trial_id).mkdir()
            write_record(store.folder(record.trial_id), record)
        counts: dict[str, int] = {}
        for record in records:
            counts[record.outcome.value] = counts.get(record.outcome.value, 0) + 1
        timings = script.get("timings")
        return BenchSummary(records=tuple(records), counts=counts, interrupted=script["interrupted"], timings=timings)

    monkeypatch.setattr(harness.bench.bench, "run_bench", run_bench)
    return script


@pytest.fixture
def bench(run_shelf: Run, fake_bench: dict[str, Any], tmp_path: Path) -> Run:
    def run(*args: str) -> Result:
        names = ("--models", "tiny_net", "--data", "dots", "--recipes", "quick", "--seeds", "2")
        return run_shelf("bench", *names, "--out", str(tmp_path / "runs"), *args)

    return run


def test_the_table_is_on_stdout_and_the_progress_and_the_files_places_on_stderr(bench: Run, tmp_path: Path) -> None:
    result = bench()
    assert result.exit_code == 0, result.stderr
    assert "tiny_net" in result.stdout
    assert "87.5" in result.stdout
    assert "2 trials, records in" in result.stderr
    for name in ("leaderboard.csv", "leaderboard.json", "leaderboard.md"):
        assert (tmp_path / "runs" / name).is_file()
        assert name in result.stderr
    assert "Next:" not in result.stderr


def test_failed_trials_exit_with_1_and_are_named_with_their_reason(bench: Run, fake_bench: dict[str, Any]) -> None:
    fake_bench["outcomes"] = {1: Outcome.FAILED}
    result = bench()
    assert result.exit_code == 1
    assert (
        "zoo: 1 trial failed: diverged: the loss was [red]not[/red] finite (tiny_net · dots · quick, seed 1)\n"
    ) in result.stderr
    assert "--retry" in result.stderr
    assert "1 failed" in result.stdout


@pytest.mark.parametrize("options", [(), ("--brief",), ("--format", "json"), ("--quiet",)])
def test_failures_of_one_cause_are_said_once(bench: Run, fake_bench: dict[str, Any], options: tuple[str, ...]) -> None:
    fake_bench["outcomes"] = {0: Outcome.FAILED, 1: Outcome.FAILED}
    result = bench(*options)
    assert result.stderr.count("the loss was [red]not[/red] finite") == 1, result.stderr
    assert "zoo: 2 trials failed: diverged: " in result.stderr
    assert "(tiny_net · dots · quick, seeds 0, 1)\n" in result.stderr


@pytest.mark.parametrize("options", [(), ("--brief",)])
def test_failures_that_the_table_on_a_terminal_explains_are_not_said_again(
    bench: Run, fake_bench: dict[str, Any], monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    from zoo.cli.commands import bench as module

    fake_bench["outcomes"] = {1: Outcome.FAILED}
    monkeypatch.setattr(module, "_reaches_a_terminal", lambda: True)
    result = bench(*options)
    assert result.output.count("the loss was [red]not[/red] finite") == 1, result.output
    assert "zoo: 1 trial failed; --retry runs" in result.stderr


def test_an_interrupted_bench_exits_with_130_and_shows_how_to_continue(bench: Run, fake_bench: dict[str, Any]) -> None:
    fake_bench.update(interrupted=True, outcomes={1: Outcome.INTERRUPTED})
    result = bench()
    assert result.exit_code == 130
    assert "zoo: interrupted; run the same command again to continue" in result.stderr
    assert "tiny_net" in result.stdout


@pytest.mark.parametrize("options", [(), ("--timings",)])
def test_timings_are_shown_if_asked_for(bench: Run, fake_bench: dict[str, Any], options: tuple[str, ...]) -> None:
    fake_bench["timings"] = Timings(began=time.monotonic(), seconds=0.0, stages={"probe": 2.5}, phases={"train": 7.5})
    shown = bench(*options)
    assert shown.exit_code == 0
    assert "wall time" not in shown.stdout
    assert ("wall time" in shown.stderr) is bool(options)
    assert (["training", "7.5"] in [line.split()[:2] for line in shown.stderr.splitlines()]) is bool(options)


def test_quiet_leaves_the_table_only(bench: Run) -> None:
    result = bench("--quiet")
    assert "tiny_net" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize("form", ["json", "csv", "markdown", "latex"])
def test_stdout_has_only_the_requested_format(bench: Run, form: str) -> None:
    text = bench("--format", form).stdout
    starts = {"json": "{", "csv": "fingerprint,", "markdown": "#", "latex": "%"}
    assert text.lstrip().startswith(starts[form]), text[:200]
    if form == "json":
        json.loads(text)


def test_a_metric_of_a_plugin_can_be_a_column_and_sorted_by(bench: Run) -> None:
    result = bench("--columns", "model,luck", "--sort-by", "luck")
    assert result.exit_code == 0, result.stderr
    assert "0.500" in result.stdout


@pytest.mark.parametrize("metric", ["nll", "average_precision"])
def test_a_metric_that_no_trial_has_removes_the_column_and_not_the_table(bench: Run, metric: str) -> None:
    result = bench("--columns", f"model,{metric}", "--sort-by", metric)
    assert result.exit_code == 0
    assert f"no trial has a value for '{metric}'" in result.stderr
    assert "tiny_net" in result.stdout


def test_options_reach_the_bench(
    bench: Run, fake_bench: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_DATA", str(tmp_path / "images"))
    bench("--timeout", "2.5", "--retry", "--offline")
    settings = fake_bench["settings"]
    assert (settings.limits.timeout, settings.limits.retry, settings.data.download) == (2.5, True, False)
    assert settings.data.data_root == tmp_path / "images"
    assert fake_bench["sources"].files[0].endswith("shelf.py")
    assert fake_bench["sources"].entry_points is False


def test_the_default_bench_says_what_to_try_next(
    run_zoo: Run, fake_bench: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run_zoo("bench")
    assert result.exit_code == 0, result.stderr
    assert "Next:" in result.stderr
    assert (tmp_path / "runs" / "leaderboard.md").is_file()


def test_a_listener_that_raises_is_reported_and_the_bench_continues(bench: Run) -> None:
    result = bench("--listen", "ear")  # its open always raises
    assert result.exit_code == 0
    assert "zoo: listener 'ear' could not be opened: AssertionError" in result.stderr


def test_rank_gives_the_same_table_again(bench: Run, run_zoo: Run, tmp_path: Path) -> None:
    table = bench("--quiet").stdout
    result = run_zoo("rank", str(tmp_path / "runs"))
    assert (result.exit_code, result.stdout) == (0, table)


def test_rank_leaves_out_a_record_that_cannot_be_read_and_says_so(bench: Run, run_zoo: Run, tmp_path: Path) -> None:
    bench()
    broken = tmp_path / "runs" / "broken" / RECORD_FILE
    broken.parent.mkdir()
    broken.write_text("{")
    result = run_zoo("rank", str(tmp_path / "runs"))
    assert result.exit_code == 1
    assert "tiny_net" in result.stdout
    assert "left out: " in result.stderr
    assert str(broken) in result.stderr


def test_rank_reports_every_mistake_together(run_zoo: Run, tmp_path: Path) -> None:
    result = run_zoo("rank", str(tmp_path / "a"), str(tmp_path), "--sort-by", "acuracy", "--columns", "modle")
    assert result.exit_code == 2
    first, second, third, fourth = result.stderr.splitlines()
    assert "there is no folder" in first
    assert "there are no records in" in second
    assert "'acuracy'; did you mean 'accuracy'" in third
    assert "'modle'; did you mean 'model'" in fourth


@pytest.mark.parametrize(("name", "start"), [("t.csv", "fingerprint,"), ("t.json", "{"), ("t.md", "#"), ("t.tex", "%")])
def test_rank_writes_a_file_whose_ending_says_the_format(
    bench: Run, run_zoo: Run, tmp_path: Path, name: str, start: str
) -> None:
    bench()
    result = run_zoo("rank", str(tmp_path / "runs"), "-o", str(tmp_path / name))
    assert (result.exit_code, result.stdout) == (0, "")
    assert (tmp_path / name).read_text().lstrip().startswith(start)


def test_rank_never_loads_torch_nor_asks_for_models(bench: Run, tmp_path: Path) -> None:
    bench()
    code = (
        "import sys\nfrom zoo.cli import main\ntry:\n    main()\nfinally:\n"
        "    print('MODULES', *sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "rank", str(tmp_path / "runs")], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert not set(done.stderr.split()) & {"torch", "timm", "torchvision", "sklearn", "scipy.stats"}


@pytest.mark.slow
def test_a_real_bench_from_the_shell_runs_reuses_and_stops(tmp_path: Path) -> None:
    command = [
        sys.executable, "-c", "from zoo.cli import main; main()", "bench", "--models", "lenet5",
        "--recipes", "sgd_step", "--epochs", "2", "--seeds", "1", "--measure-seconds", "0", "--listen", "jsonl",
        "--format", "csv",
    ]  # fmt: skip
    environment = {**os.environ, "ZOO_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    first = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200)
    assert first.returncode == 0, first.stderr
    assert "epoch 2/2" in first.stderr
    rows = [json.loads(line) for line in (tmp_path / "runs" / "events.jsonl").read_text().splitlines()]
    assert [row["event"] for row in rows].count("epoch_ended") == 2
    assert rows[-1]["counts"] == {"done": 1}
    second = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200)
    assert second.returncode == 0
    assert " reused: lenet5" in second.stderr
    assert second.stdout == first.stdout
