"""``zoo submit``: what it prints, and how it exits."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from zoo.cli.group import zoo

STORE = Path(__file__).parents[3] / "fixtures" / "store-v1"


def submit(*args: str | Path) -> Result:
    return CliRunner().invoke(zoo, ["--no-plugins", "submit", *map(str, args)])


def test_the_text_of_the_pull_request_goes_to_stdout_and_the_summary_to_stderr(tmp_path: Path) -> None:
    done = submit(STORE, "-o", tmp_path / "board")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == "| model | dataset | recipe | seeds | accuracy % |"
    assert "| linear | digits (train 100, test 40) | sgd\\_quick | 0, 1 |" in done.stdout.replace(
        "sgd_quick", "sgd\\_quick"
    )
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


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_signed_trials_are_shown_with_their_signer(tmp_path: Path) -> None:
    key, board, site = tmp_path / "key", tmp_path / "board", tmp_path / "site"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    (tmp_path / "allowed").write_text(f"alice@example.org {key.with_suffix('.pub').read_text()}")
    done = submit(STORE, "-o", board, "--sign", key)
    assert done.exit_code == 0, done.output
    assert "signed: " in done.stderr
    again = submit(STORE, "-o", board, "--sign", key)
    assert again.exit_code == 0
    assert len(list((board / "signatures").glob("*.json"))) == 1, "the same trials are signed once"

    def run(*args: str | Path) -> Result:
        return CliRunner().invoke(zoo, ["--no-plugins", *map(str, args)])

    checked = run("verify", board, "--signers", tmp_path / "allowed")
    assert checked.exit_code == 0, checked.output
    assert "2 of 2 trials signed by alice@example.org" in checked.stdout
    assert run("report", board, "-o", site, "--no-images").exit_code == 0
    (page,) = (site / "rows").glob("*.html")
    assert "signed by <bdi>alice@example.org</bdi>" in page.read_text(encoding="utf-8")
    assert run("verify", site, board).exit_code == 0


def test_a_key_that_does_not_exist_is_one_sentence(tmp_path: Path) -> None:
    done = submit(STORE, "-o", tmp_path / "board", "--sign", tmp_path / "absent")
    assert done.exit_code == 2
    assert "expected the file of an SSH key" in done.stderr
