"""Selecting: the command line overrides the suite file, and all mistakes are reported together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from click.testing import Result

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


def test_compile_needs_no_value(run_shelf: Run) -> None:
    result = run_shelf("plan", "--models", "tiny_net", "--data", "dots", "--recipes", "quick", "--compile")
    assert result.exit_code == 0, result.stderr
