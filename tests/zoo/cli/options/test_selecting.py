"""Selecting: the command line overrides the suite file, and all mistakes are reported together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result

from zoo.cli.options.selecting import _values_of, parse_overrides, parse_spaces
from zoo.errors import ZooError

Run = Callable[..., Result]
SUITE = """
models = "tiny_net"
data = ["dots"]
recipes = ["quick"]
seeds = 2
epochs = 7
"""


def test_the_command_line_overrides_the_suite(run_shelf: Run, tmp_path: Path) -> None:
    suite = tmp_path / "suite.toml"
    suite.write_text(SUITE)
    result = run_shelf("plan", str(suite), "--out", str(tmp_path / "runs"))
    assert "2 trials of 1 combination, 14 epochs in all" in result.stdout, result.stderr
    longer = run_shelf("plan", str(suite), "--set", "recipe.epochs=9", "--out", str(tmp_path / "runs"))
    assert "2 trials of 1 combination, 18 epochs in all" in longer.stdout, longer.stderr


def test_all_mistakes_of_a_call_are_reported_together(run_shelf: Run) -> None:
    result = run_shelf("plan", "--models", "tinny_net", "--data", "dots", "--jobs", "0", "--seeds", "x", "--set", "y")
    assert result.exit_code == 2
    for words in ("no model is called 'tinny_net'", "--jobs 0:", "seeds = 'x'", "--set y: expected KEY=VALUE"):
        assert words in result.stderr


def test_a_setting_that_is_given_twice_is_an_error() -> None:
    """Resembles reports of long commands, edited, in which the last of two values had won without a word."""
    errors: list[ZooError] = []
    parse_overrides(("recipe.lr=0.1", "data.fit=pad", "recipe.lr=0.2", "data.fit=crop"), errors)
    assert [str(error) for error in errors] == [
        "--set recipe.lr is given twice; keep one, or separate several values by commas",
        "--set data.fit is given twice; keep one",
    ]


def test_compile_needs_no_value(run_shelf: Run) -> None:
    result = run_shelf("plan", "--models", "tiny_net", "--data", "dots", "--recipes", "quick", "--compile")
    assert result.exit_code == 0, result.stderr


def test_published_weights_are_asked_for_in_a_word_which_overrides_the_suite(run_shelf: Run, tmp_path: Path) -> None:
    suite = tmp_path / "suite.toml"
    suite.write_text(f"{SUITE}[set]\nrecipe.pretrained = true\n")
    skipped = run_shelf("plan", str(suite), "--out", str(tmp_path / "runs"))
    assert "the recipe starts from published weights, and there are none" in skipped.stdout
    assert run_shelf("plan", str(suite), "--no-pretrained", "--out", str(tmp_path / "runs")).exit_code == 0
    suite.write_text(SUITE)
    skipped = run_shelf("plan", str(suite), "--pretrained", "--out", str(tmp_path / "runs"))
    assert "the recipe starts from published weights, and there are none" in skipped.stdout
    twice = run_shelf("plan", str(suite), "--pretrained", "--set", "recipe.pretrained=false")
    assert "recipe.pretrained is set twice, to False and True" in twice.stderr


def test_commas_make_a_grid_of_a_recipe_s_or_model_s_setting_and_of_no_other() -> None:
    assert _values_of("recipe.lr", "0.01, 0.1") == (0.01, 0.1)
    assert _values_of("model.norm", "batch,none") == ("batch", None)
    assert _values_of("recipe.lr", 0.1) == 0.1
    assert _values_of("data.columns", "a,b") == "a,b"


def test_ranges_are_read_from_the_command_line_over_the_suite(run_shelf: Run, tmp_path: Path) -> None:
    errors: list[Any] = []
    assert parse_spaces(["recipe.lr = log(1e-4,1)", "recipe.momentum=off"], errors) == {
        "recipe.lr": "log(1e-4,1)",
        "recipe.momentum": "off",
    }
    assert errors == []
    assert parse_spaces(["recipe.lr"], errors) == {}
    assert [str(error) for error in errors] == [
        "--space recipe.lr: expected KEY=RANGE, such as --space 'recipe.lr=log(1e-4, 1)'"
    ]
    twice: list[Any] = []
    parse_spaces(["recipe.lr=log(1e-4, 1)", "recipe.lr = off"], twice)
    assert [str(error) for error in twice] == ["--space recipe.lr is given twice: log(1e-4, 1) and off"]
