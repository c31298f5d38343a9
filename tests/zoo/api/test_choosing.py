"""Choosing: settings are checked one by one, and what they select is planned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from zoo import Catalog
from zoo.api.choosing import attempt, choose, parse_settings
from zoo.errors import UsageError, ZooError
from zoo.loading import Sources, build_catalog


def test_valid_settings_make_a_plan(catalog: Catalog) -> None:
    errors: list[ZooError] = []
    chosen = choose({"models": ["linear"], "seeds": 2}, catalog, errors, origin="it")
    assert errors == []
    assert chosen is not None
    assert [trial.seed for trial in chosen.plan.trials] == [0, 1]
    assert not chosen.is_default
    assert choose({}, catalog, errors, origin="it").is_default  # type: ignore[union-attr]


def test_each_mistake_counts_and_the_valid_rest_is_checked_too(catalog: Catalog) -> None:
    errors: list[ZooError] = []
    assert choose({"models": ["linaer"], "seeds": 0, "epochs": -1}, catalog, errors, origin="it") is None
    told = "\n".join(map(str, errors))
    assert "it: seeds = 0:" in told
    assert "it: epochs = -1:" in told
    assert "no model is called 'linaer'; did you mean 'linear'" in told


def test_settings_without_mistakes_are_parsed() -> None:
    errors: list[ZooError] = []
    assert parse_settings({"seeds": "auto", "folds": 1}, errors, origin="it").seeds == "auto"
    assert [str(error).split(":")[1].split()[0] for error in errors] == ["folds"]


def test_an_attempt_returns_or_collects() -> None:
    errors: list[ZooError] = []

    def fail() -> int:
        raise UsageError("no")

    assert attempt(lambda: 3, errors) == 3
    assert attempt(fail, errors) is None
    assert [str(each) for each in errors] == ["no"]


NEEDY = """
from zoo import Listener, Metric, Recipe, ReportFormat, Runtime, hookimpl
from zoo import Hyperparameters

LIBRARIES = ("no-such-library",)

@hookimpl
def zoo_runtimes():
    yield Runtime(name="fast", load=print, libraries=LIBRARIES)

@hookimpl
def zoo_recipes():
    yield Recipe(name="needy_recipe", hyperparameters=lambda: Hyperparameters(epochs=1, lr=0.1), libraries=LIBRARIES)

@hookimpl
def zoo_metrics():
    yield Metric(name="needy_metric", compute=print, libraries=LIBRARIES)

@hookimpl
def zoo_report_formats():
    yield ReportFormat(name="needy_format", render=str, libraries=LIBRARIES)

@hookimpl
def zoo_listeners():
    yield Listener(name="ear", open=print, libraries=LIBRARIES)
"""
MISSING = "needs no-such-library, which is not installed: pip install no-such-library"


@pytest.fixture
def needy(tmp_path: Path) -> Catalog:
    """The built-in plugins, and one whose every record needs a library that is not installed."""
    file = tmp_path / "needy.py"
    file.write_text(NEEDY)
    return build_catalog(Sources(files=(str(file),), builtin=True, entry_points=False, strict=True))


def test_a_runtime_without_its_library_is_refused_before_anything_trains(needy: Catalog) -> None:
    errors: list[ZooError] = []
    raw = {"models": ["linear"], "runtimes": ["eager", "fast"]}
    assert choose(raw, needy, errors, origin="it") is None
    assert [str(error) for error in errors] == [f"runtime 'fast' {MISSING}"]


def test_a_recipe_without_its_library_is_skipped_with_the_reason(needy: Catalog) -> None:
    errors: list[ZooError] = []
    chosen = choose({"models": ["linear"], "recipes": ["sgd_quick", "needy_recipe"]}, needy, errors, origin="it")
    assert chosen is not None
    assert {trial.recipe.display_name for trial in chosen.plan.trials} == {"sgd_quick"}
    assert [skip.reason for skip in chosen.plan.skips] == [f"recipe 'needy_recipe' {MISSING}"]


def test_metrics_and_formats_without_their_libraries_are_told(needy: Catalog, catalog: Catalog) -> None:
    chosen = choose({"models": ["linear"]}, needy, [], origin="it")
    assert chosen is not None
    assert chosen.notes == (
        f"metric 'needy_metric' {MISSING}; its values will be missing",
        f"report format 'needy_format' {MISSING}; its files will not be written",
    )
    assert choose({"models": ["linear"]}, catalog, [], origin="it").notes == ()  # type: ignore[union-attr]


def test_plan_and_bench_name_missing_libraries(tmp_path: Path, run_zoo: Callable[..., Result]) -> None:
    file = tmp_path / "needy.py"
    file.write_text(NEEDY)
    words = ("--models", "linear", "--plugin", str(file), "--out", str(tmp_path / "runs"))
    result = run_zoo("plan", *words)
    assert result.exit_code == 0
    assert f"metric 'needy_metric' {MISSING}; its values will be missing" in result.stderr
    result = run_zoo("bench", *words, "--runtimes", "fast", "--listen", "ear")
    assert result.exit_code == 2
    assert f"runtime 'fast' {MISSING}" in result.stderr
    result = run_zoo("bench", *words, "--listen", "ear")
    assert result.exit_code == 2
    assert f"listener 'ear' {MISSING}" in result.stderr
    assert not (tmp_path / "runs").exists()
    assert (
        "runtime fast needs no-such-library, which is not installed" in run_zoo("doctor", "--plugin", str(file)).stdout
    )
