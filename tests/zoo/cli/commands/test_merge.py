"""``zoo merge``: output and exit code."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from harness.records.store import Store
from zoo.cli.group import zoo

from .finished_trials import write_trial


def run(*words: object) -> Result:
    """Run zoo in this process."""
    return CliRunner().invoke(zoo, [str(word) for word in words])


def test_merge_counts_what_it_added(tmp_path: Path) -> None:
    write_trial(tmp_path / "a")
    write_trial(tmp_path / "b", key="cd" * 32)
    done = run("merge", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "c")
    assert done.exit_code == 0
    assert "2 trials added" in done.output
    assert len(list(Store(tmp_path / "c").records())) == 2


def test_merge_exits_with_1_when_it_refused_something(tmp_path: Path) -> None:
    folder = write_trial(tmp_path / "a")
    (folder / "record.json").write_text((folder / "record.json").read_text().replace("0.1", "0.9"))
    done = run("merge", tmp_path / "a", "-o", tmp_path / "c")
    assert done.exit_code == 1
    assert "damaged" in done.output


def test_merge_of_a_folder_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    done = run("merge", tmp_path / "a", "-o", tmp_path / "c")
    assert done.exit_code == 2
    assert "no folder" in done.output
