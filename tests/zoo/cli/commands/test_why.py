"""``zoo why``: which settings differ."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from zoo.cli.group import zoo

from .finished_trials import write_trial


def run(*words: object) -> Result:
    """Run zoo in this process."""
    return CliRunner().invoke(zoo, [str(word) for word in words])


def test_why_lists_differences_in_results_and_speeds(tmp_path: Path) -> None:
    one = write_trial(tmp_path / "a")
    other = write_trial(tmp_path / "b", lr=0.2, device="y")
    done = run("why", one, other)
    assert done.exit_code == 0
    assert "hyperparameters.lr: 0.1 → 0.2" in done.output
    assert "device: x → y" in done.output


def test_why_reports_when_two_trials_do_not_differ(tmp_path: Path) -> None:
    done = run("why", write_trial(tmp_path / "a"), write_trial(tmp_path / "b"))
    assert "the results are the same" in done.output
    assert "speeds are comparable" in done.output


@pytest.mark.parametrize("name", ["", "record.json"])
def test_why_takes_the_folder_or_the_record(tmp_path: Path, name: str) -> None:
    folder = write_trial(tmp_path / "a")
    assert run("why", folder / name if name else folder, folder).exit_code == 0


def test_why_names_a_trial_of_a_store(tmp_path: Path) -> None:
    folder = write_trial(tmp_path / "runs")
    done = run("why", tmp_path / "runs", folder)
    assert done.exit_code == 2
    assert f"contains 1 trial; give one of them, such as {folder}" in done.output
