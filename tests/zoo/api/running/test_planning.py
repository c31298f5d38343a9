"""A plan from Python is the plan of the command line, as an object."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import zoo
from zoo.errors import UsageError

GIVEN: dict[str, Any] = {
    "models": ["linear", "lenet5", "resnet18"],
    "data": "digits",
    "recipes": ["sgd_quick", "finetune"],
    "seeds": 2,
    "set": {"recipe.lr": [0.01, 0.1]},
    "no_plugins": True,
}
WORDS = [
    "--models", "linear,lenet5,resnet18", "--data", "digits", "--recipes", "sgd_quick,finetune", "--seeds", "2",
    "--set", "recipe.lr=0.01,0.1",
]  # fmt: skip


def test_trials_skips_and_times_are_those_of_the_command(run_zoo: Callable[..., Any], tmp_path: Path) -> None:
    plan = zoo.plan(**GIVEN, out=tmp_path)
    told = json.loads(run_zoo("plan", *WORDS, "--format", "json", "--out", str(tmp_path)).stdout)
    assert [trial.model_dump(mode="json") for trial in plan.trials] == told["trials"]
    assert [{"title": skip.title, "reason": skip.reason} for skip in plan.skips] == told["skips"] != []
    assert len(plan) == len(told["trials"]) == 2 * len(plan.table)
    assert plan.seconds is None
    assert plan.forecast.slots == told["forecast"]["slots"]


def test_it_is_a_table_with_the_sentences_of_the_command_below(run_zoo: Callable[..., Any], tmp_path: Path) -> None:
    plan = zoo.plan(**GIVEN, out=tmp_path)
    assert list(plan.table["overrides"]) == [
        f"recipe.lr={rate}" for _ in range(len(plan.table) // 2) for rate in (0.01, 0.1)
    ]
    printed = " ".join(run_zoo("plan", *WORDS, "--out", str(tmp_path)).stdout.split())
    assert plan.sentences
    for sentence in plan.sentences:
        assert " ".join(sentence.split()) in printed
        assert sentence in str(plan)
    html = plan._repr_html_()
    assert html.count("<tr") == len(plan.table) + 1
    assert html.count("<p>skipped: ") == len({skip.reason for skip in plan.skips})
    assert repr(plan).startswith(f"<plan: {len(plan)} trials of {len(plan.table)} combinations")


def test_foreign_text_is_escaped(tmp_path: Path) -> None:
    plan = zoo.plan("linear", "folder:<b>bold</b>", "sgd_quick", seeds=1, out=tmp_path, no_plugins=True)
    assert "<b>" not in plan._repr_html_()


def test_what_is_done_counts_as_finished(tmp_path: Path) -> None:
    store = Path(__file__).parents[3] / "fixtures" / "store-v1"
    plan = zoo.plan("linear", "digits", "sgd_quick", seeds=1, out=store, detect=2.0, no_plugins=True)
    assert len(plan.detections) == 1
    assert any(sentence.startswith("detectable with 80 % probability") for sentence in plan.sentences)


def test_mistakes_are_raised_together_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        zoo.plan("linearr", "digits", seeds=0, epoch=1, no_plugins=True)  # type: ignore[call-arg]
    for part in ("did you mean 'linear'", "seeds", "no setting of zoo.plan is called 'epoch'"):
        assert part in str(caught.value)
    with pytest.raises(UsageError, match="detect = 100: expected points of accuracy"):
        zoo.plan("linear", "digits", detect=100)
    assert list(tmp_path.iterdir()) == []


def test_planning_never_imports_torch() -> None:
    code = "import sys, zoo; zoo.plan('linear', 'digits', no_plugins=True).table; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


@pytest.mark.slow
def test_a_probe_measures_what_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    given: dict[str, Any] = {"seeds": 1, "device": "cpu", "out": tmp_path, "no_plugins": True}
    plan = zoo.plan("linear", "digits", "sgd_quick", probe=True, show="nothing", **given)
    assert plan.problems == []
    assert plan.seconds is not None
    assert plan.seconds > 0
