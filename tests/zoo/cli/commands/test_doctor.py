"""The doctor: each problem is a line with its remedy, and makes the exit code 1."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import Result

from zoo.cli.diagnosis import examination
from zoo.cli.diagnosis.examination import OK, PROBLEM, Finding, Probe

Run = Callable[..., Result]


HEALTHY = {
    "torch": "2.14.0",
    "torchvision": "0.29.0",
    "cuda": "",
    "hip": "",
    "accelerator": "",
    "bf16": False,
    "gpus": [],
    "gpu_trouble": "",
    "threads": 1,
    "available": True,
}


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "probe", lambda name: Probe(facts=HEALTHY))
    # A checkout beside an installation is a second owner, which is no matter here.
    monkeypatch.setattr(examination, "owners", lambda: Finding(check="packages", status=OK, sentence="own"))


@pytest.mark.usefixtures("healthy")
def test_a_sound_installation_has_no_problem_and_exit_code_0(run_zoo: Run) -> None:
    result = run_zoo("doctor")
    assert result.exit_code == 0, result.stdout
    checks = [line.split()[1] for line in result.stdout.splitlines() if line.startswith(("ok", "warning"))]
    assert checks == [
        "versions",
        "packages",
        "torch",
        "gpu",
        "threads",
        "fork",
        "plugins",
        "extras",
        "data",
        "cache",
        "here",
    ]


@pytest.mark.usefixtures("healthy")
def test_a_problem_has_a_remedy_and_exit_code_1(run_zoo: Run, write_plugin: Callable[..., str]) -> None:
    result = run_zoo("doctor", "--plugin", write_plugin("1/0"))
    assert result.exit_code == 1
    assert "problem  plugins      extra (" in result.stdout
    assert "→ zoo plugins --why-broken shows the traceback" in result.stdout
    assert "1 problem, " in result.stdout


@pytest.mark.usefixtures("healthy")
def test_the_findings_as_json(run_zoo: Run) -> None:
    findings = {each.pop("check"): each for each in json.loads(run_zoo("doctor", "--format", "json").stdout)}
    assert list(findings)[2:6] == ["torch", "gpu", "threads", "fork server"]
    sentence = "torch 2.14.0 and torchvision 0.29.0 load together"
    assert findings["torch"] == {"status": OK, "sentence": sentence, "remedy": ""}


def test_a_problem_is_in_the_json_with_its_remedy(run_zoo: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "probe", lambda name: Probe(facts=None, error="no nms"))
    result = run_zoo("doctor", "--format", "json")
    torch = next(each for each in json.loads(result.stdout) if each["check"] == "torch")
    assert result.exit_code == 1
    assert (torch["status"], torch["sentence"].endswith(": no nms")) == (PROBLEM, True)
    assert "pip install" in torch["remedy"]


@pytest.mark.slow
def test_the_probes_find_the_libraries_of_this_environment(run_zoo: Run) -> None:
    findings = {each["check"]: each for each in json.loads(run_zoo("doctor", "--format", "json").stdout)}
    assert findings["torch"]["status"] == OK, findings["torch"]
    assert findings["fork server"]["status"] == OK, findings["fork server"]
    assert findings["packages"]["status"] == OK, findings["packages"]
