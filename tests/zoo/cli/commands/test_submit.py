"""``zoo submit``: what it prints, and how it exits."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from zoo.cli.group import zoo

STORE = Path(__file__).parents[3] / "fixtures" / "store-v1"


def submit(*args: str | Path) -> Result:
    return CliRunner().invoke(zoo, ["--no-plugins", "submit", *map(str, args)])


def test_the_text_of_the_pull_request_goes_to_stdout_and_the_summary_to_stderr(tmp_path: Path) -> None:
    done = submit(STORE, "-o", tmp_path / "board")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == "| model | dataset | recipe | seeds | accuracy % |"
    assert "| linear | digits | sgd\\_quick | 0, 1 |" in done.stdout.replace("sgd_quick", "sgd\\_quick")
    assert "2 trials added" in done.stderr
    assert len(list((tmp_path / "board").glob("*/record.json"))) == 2


def test_trials_that_are_there_already_are_counted(tmp_path: Path) -> None:
    submit(STORE, "-o", tmp_path)
    done = submit(STORE, "-o", tmp_path)
    assert done.exit_code == 0
    assert "0 trials added" in done.stderr
    assert "2 already there" in done.stderr


def test_a_folder_without_records_is_one_sentence(tmp_path: Path) -> None:
    done = submit(tmp_path, "-o", tmp_path / "board")
    assert done.exit_code == 2
    assert "there are no records" in done.stderr
