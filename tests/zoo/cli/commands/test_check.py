"""``zoo check``: every record of a target held to the kit, each check in a process that may do what it likes."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

OWN = """
    import os
    from zoo import Metric, hookimpl

    def accuracy(predictions):
        return float(predictions.confusion.trace() / predictions.confusion.sum())

    def percent(predictions):
        return 100 * accuracy(predictions)

    def dies(predictions):
        os._exit(0)

    def says_odd_things(predictions):
        raise ValueError("[/red]\\x1b[31m oh\\nno")

    @hookimpl
    def zoo_metrics():
        for compute in (accuracy, percent, dies, says_odd_things):
            yield Metric(name="own_" + compute.__name__, compute=compute)
"""
HOSTILE = """
    import time
    from zoo import Metric, hookimpl

    def hangs(predictions):
        time.sleep(1000)

    def shouts(predictions):
        while True:
            print("x" * 2**20, flush=True)

    @hookimpl
    def zoo_metrics():
        for compute in (hangs, shouts):
            yield Metric(name="own_" + compute.__name__, compute=compute)
"""
CHECKS = "values_are_within_bounds,known_cases"


@pytest.fixture
def check(zoo_script: Path, write_plugin: Callable[..., str], tmp_path: Path) -> Callable[..., Any]:
    """Run ``zoo check`` in a process of its own, on the plugin above unless other targets are given."""

    def run(*arguments: str, source: str = OWN) -> subprocess.CompletedProcess[str]:
        write_plugin(source, "own")
        return subprocess.run(
            [zoo_script, "check", *arguments],
            capture_output=True,
            cwd=tmp_path,
            encoding="utf-8",
            env={**os.environ, "PYTHONUTF8": "1"},
            timeout=200,
        )

    return run


def test_each_check_of_a_file_has_a_verdict_whatever_the_plugin_does(check):
    done = check("own.py", "--only", CHECKS, "--format", "json")
    assert done.returncode == 1
    assert done.stderr == ""
    verdicts = {(each["name"], each["check"]): each for each in json.loads(done.stdout)}
    told = {
        name: (verdict["state"], verdict["reason"])
        for (name, id_), verdict in verdicts.items()
        if id_ in ("values_are_within_bounds", "loads_as_plugin")
    }
    assert told == {
        "own": ("passed", ""),
        "own_accuracy": ("passed", ""),
        "own_percent": ("failed", told["own_percent"][1]),
        "own_dies": ("failed", "its process ended with exit status 0: it printed nothing"),
        "own_says_odd_things": ("failed", "ValueError: [/red]\x1b[31m oh no"),
    }
    assert "must be in [0, 1]" in told["own_percent"][1]
    assert "CheckFailedError" in verdicts["own_percent", "values_are_within_bounds"]["traceback"]
    assert verdicts["own_dies", "known_cases"]["state"] == "skipped"


@pytest.mark.slow
def test_a_check_that_hangs_or_prints_without_end_is_ended_and_the_next_one_runs(check):
    done = check("own.py", "--only", CHECKS, "--timeout", "10", "--format", "json", source=HOSTILE)
    assert done.returncode == 1
    assert [(each["state"], each["reason"]) for each in json.loads(done.stdout)[1:]] == [
        ("failed", "it took longer than 10 s"),
        ("skipped", "it declares no known_cases"),
        ("failed", "it printed more than 16 MiB"),
        ("skipped", "it declares no known_cases"),
    ]


@pytest.mark.slow
def test_the_report_names_each_check_its_state_and_its_reason_and_is_fit_for_a_terminal(check):
    reasons = {"own_percent": "in percent", "own_accuracy": "who knows"}
    expectations = [f"--expect-failure={name}:values_are_within_bounds={why}" for name, why in reasons.items()]
    done = check("own.py", "--only", CHECKS, *expectations)
    assert done.returncode == 1
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "own_percent metric" in lines
    assert "passed loads_as_plugin" in lines
    assert any(line.startswith("expected failure values_are_within_bounds in percent (") for line in lines)
    surprise = "unexpected pass values_are_within_bounds it passes, but is expected to fail: who knows"
    assert surprise in lines
    assert "skipped known_cases it declares no known_cases" in lines
    assert "failed values_are_within_bounds ValueError: [/red][31m oh no" in lines
    assert "\x1b" not in done.stdout
    assert lines[-2].startswith("9 checks in ")
    assert lines[-2].endswith(": 1 passed, 2 failed, 4 skipped, 1 expected failure, 1 unexpected pass")


def test_a_plugin_that_does_not_load_fails_as_a_whole(check):
    done = check("own.py", "-v", source="import nothing_of_that_name")
    assert done.returncode == 1
    assert "ModuleNotFoundError: No module named 'nothing_of_that_name'" in done.stdout
    assert "Traceback" in done.stdout


@pytest.mark.slow
def test_a_plugin_that_ends_the_process_as_it_loads_fails_as_a_whole(check):
    done = check("own.py", source="import os; os._exit(3)")
    assert done.returncode == 1
    assert "it called os._exit(3) while loading" in done.stdout


@pytest.mark.slow
def test_names_of_all_kinds_are_targets_and_all_is_well_with_the_built_in_ones(check):
    checks = "builds,loads,known_cases,accepts_every_event"
    done = check("linear", "digits", "accuracy", "sgd_quick", "jsonl", "--only", checks)
    assert done.returncode == 0, done.stdout + done.stderr
    headings = [line for line in done.stdout.splitlines() if line and line[0] != " "]
    assert headings[:3] == ["linear  model", "digits  dataset", "accuracy  metric"]
    assert headings[-1].endswith(": 4 passed")
    assert done.stderr == ("checking linear, digits, accuracy, sgd_quick, jsonl: starting\n5 records, 4 checks\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["own.py", "--only", "known_case"], "no check is called 'known_case'; did you mean 'known_cases'"),
        (["nowhere.py"], "nowhere.py: no such file"),
        (["own.py", "--expect-failure", "known_cases"], "expected CHECK=REASON or NAME:CHECK=REASON"),
        (["own.py", "--expect-failure", "known_cases="], "an expected failure needs a reason: known_cases"),
        (["own.py", "--timeout", "0"], "0.0 is not in the range x>0"),
    ],
)
def test_a_mistake_is_one_sentence_before_anything_runs(
    run_zoo, write_plugin, monkeypatch, tmp_path, arguments, sentence
):
    write_plugin(OWN, "own")
    monkeypatch.chdir(tmp_path)
    result = run_zoo("check", *arguments)
    assert result.exit_code == 2
    assert sentence in result.output
    assert result.output.count("\n") == 1


@pytest.mark.slow
def test_unknown_names_are_reported_with_near_names(check):
    done = check("lenet55", "sgd_stepp", "--no-plugins")
    assert done.returncode == 2
    assert "listener, executor, runtime, report format or plugin command is called 'lenet55'" in done.stderr
    assert "did you mean 'lenet5'" in done.stderr
    assert "'sgd_stepp'" in done.stderr
    assert done.stdout == ""
