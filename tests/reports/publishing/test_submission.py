"""Submissions: what is packaged, and what is rejected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from .conftest import StoreMaker

RunZoo = Callable[..., Result]


@pytest.fixture
def zoo() -> RunZoo:
    """Run the command line in this process, without installed plugins."""
    from click.testing import CliRunner

    from zoo.cli.group import zoo as group

    return lambda *args: CliRunner().invoke(group, ["--no-plugins", *map(str, args)], prog_name="zoo")


def test_a_submission_holds_what_verification_needs_and_no_weights(
    store: StoreMaker, zoo: RunZoo, tmp_path: Path
) -> None:
    folder, record = store.add("net")
    (folder / "log.txt").write_text("/home/somebody/secret")
    (folder / "checkpoint.safetensors").write_bytes(b"weights")
    target = tmp_path / "board" / "runs"
    done = zoo("submit", store.root, "-o", target)
    assert done.exit_code == 0, done.output
    assert f"| net | toy | sgd | 0 | {100 * record.metrics['accuracy'].value:.2f} |" in done.output
    assert {path.name for path in (target / folder.name).iterdir()} == {
        "record.json",
        "predictions.safetensors",
        "history.jsonl",
    }
    assert zoo("verify", target).exit_code == 0
    assert "0 trials added" in zoo("submit", store.root, "-o", target).output


def test_a_submission_that_would_not_pass_is_refused(store: StoreMaker, zoo: RunZoo, tmp_path: Path) -> None:
    folder, _ = store.add("net")
    (folder / "predictions.safetensors").write_bytes(b"")
    done = zoo("submit", store.root, "-o", tmp_path / "target")
    assert done.exit_code == 1
    assert "rejected: " in done.output
    assert not (tmp_path / "target" / folder.name).exists()
