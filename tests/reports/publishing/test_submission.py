"""Submissions: what is packaged, and what is rejected."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result

from harness.records.predictions import load_predictions, save_predictions
from harness.records.store import write_record
from harness.system.atomic_files import sha256_of

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


def test_names_of_images_in_predictions_are_told(store: StoreMaker, zoo: RunZoo, tmp_path: Path) -> None:
    folder, record = store.add("net")
    quiet = zoo("submit", store.root, "-o", tmp_path / "quiet")
    assert "ids of the test images" not in quiet.stderr
    saved = load_predictions(folder)
    ids = tuple(f"patient {number}.png" for number in range(len(saved.samples)))
    path = save_predictions(folder, replace(saved, predictions=replace(saved.predictions, ids=ids)))
    write_record(folder, record.model_copy(update={"files": {**record.files, path.name: sha256_of(path)}}))
    told = zoo("submit", store.root, "-o", tmp_path / "told")
    assert "note: the predictions of 1 trial hold the ids of the test images, such as names of files" in told.stderr
    assert told.exit_code == 0, told.output


def test_a_submission_that_would_not_pass_is_refused(store: StoreMaker, zoo: RunZoo, tmp_path: Path) -> None:
    folder, _ = store.add("net")
    (folder / "predictions.safetensors").write_bytes(b"")
    done = zoo("submit", store.root, "-o", tmp_path / "target")
    assert done.exit_code == 1
    assert "rejected: " in done.output
    assert not (tmp_path / "target" / folder.name).exists()


def test_links_and_ids_that_do_not_fit_are_refused(store: StoreMaker, zoo: RunZoo, tmp_path: Path) -> None:
    secret = tmp_path / "id_rsa"
    secret.write_text("a secret")
    linked, _ = store.add("net")
    (linked / "spec.json").symlink_to(secret)
    moved, record = store.add("net", seed=1)
    other = moved.rename(moved.parent / moved.name.replace("--s1--", "--s7--"))
    write_record(other, record.model_copy(update={"trial_id": other.name}))
    whole, _ = store.add("net", seed=2)
    target = tmp_path / "target"
    done = zoo("submit", store.root, "-o", target)
    assert done.exit_code == 1
    assert "spec.json is not a plain file" in done.output
    assert "does not have the name of the trial in its record" in done.output
    assert [path.name for path in target.iterdir()] == [whole.name]


def test_a_link_in_the_place_of_a_trial_is_not_written_through(store: StoreMaker, zoo: RunZoo, tmp_path: Path) -> None:
    folder, _ = store.add("net")
    precious = tmp_path / "precious"
    precious.mkdir()
    target = tmp_path / "target"
    target.mkdir()
    (target / folder.name).symlink_to(precious)
    done = zoo("submit", store.root, "-o", target)
    assert done.exit_code == 2
    assert "cannot be written" in done.output
    assert not list(precious.iterdir())


def test_a_submission_that_a_full_disk_ended_can_be_repeated(store: StoreMaker, zoo: RunZoo, tmp_path: Path) -> None:
    folder, _ = store.add("net", num_test=3000)
    target = tmp_path / "target"
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(store.root), str(target)], capture_output=True, encoding="utf-8", timeout=120
    )
    assert done.returncode == 2, done.stderr
    assert "cannot be written: File too large" in done.stderr
    assert not list(target.iterdir())
    assert zoo("submit", store.root, "-o", target).exit_code == 0
    assert [path.name for path in target.iterdir()] == [folder.name]


_FULL = """
import resource, signal, sys
from zoo.cli.group import zoo
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
zoo(["--no-plugins", "submit", sys.argv[1], "-o", sys.argv[2]])
"""
