"""``zoo import``: output and exit codes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import Result

from harness.classifiers.weight_files import read_state_dict
from zoo import Catalog

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def trial(train_trial: Callable[..., Path], catalog: Catalog) -> Path:
    return train_trial(catalog)


def test_imported_weights_are_predicted_with(run_zoo: Run, trial: Path, tmp_path: Path, photo_folder: Path) -> None:
    torch.save({"state_dict": read_state_dict(trial / "checkpoint.safetensors").tensors}, tmp_path / "w.pt")
    (tmp_path / "classes.txt").write_text("birch\ncedar\nmaple\n")
    words = ["import", str(tmp_path / "w.pt"), "--model", "lenet5", "--image-size", "16", "--mean", "0.5,0.5,0.5"]
    words += ["--std", "0.2,0.2,0.2", "--classes", str(tmp_path / "classes.txt")]
    result = run_zoo(*words, "-o", str(tmp_path / "net.safetensors"))
    assert result.exit_code == 0
    assert "lenet5, 3 classes, images of 16 × 16 pixels, mean 0.5, 0.5, 0.5" in result.stdout
    assert "weights were taken from the key 'state_dict'" in result.stderr
    image = str(photo_folder / "test" / "birch" / "00.png")
    assert run_zoo("predict", str(tmp_path / "net.safetensors"), image).exit_code == 0


def test_all_mistakes_are_reported_together(run_zoo: Run) -> None:
    words = (
        "--model",
        "lenet5",
        "--classes",
        "1",
        "--mean",
        "0.5",
        "--set",
        "recipe.lr=1",
        "-o",
        "x.bin",
        "--rename",
        "a",
    )
    result = run_zoo("import", "nowhere.pt", *words)
    assert result.exit_code == 2
    for sentence in (
        "at least two",
        "--mean 0.5: expected 3 numbers",
        "must end in .safetensors",
        "only model.KEY",
        "--rename a",
    ):
        assert sentence in result.stderr


def test_prefix_rename_and_ignore_bring_another_tools_names_to_ours(run_zoo: Run, trial: Path, tmp_path: Path) -> None:
    tensors = read_state_dict(trial / "checkpoint.safetensors").tensors
    theirs = {f"student.x_{name}": value for name, value in tensors.items()} | {"teacher.y": torch.ones(1)}
    torch.save({**theirs, "student.aux": torch.ones(1)}, tmp_path / "w.pt")
    words = ["import", str(tmp_path / "w.pt"), "--model", "lenet5", "--image-size", "16", "--mean", "0.5,0.5,0.5"]
    words += ["--std", "0.2,0.2,0.2", "--classes", "3", "-o", str(tmp_path / "net.safetensors")]
    assert run_zoo(*words).exit_code == 2
    result = run_zoo(*words, "--prefix", "student", "--rename", "^x_=", "--ignore", "aux")
    assert result.exit_code == 0, result.stderr
    assert "prefix 'student.' was removed from tensor names; 1 without it were left out" in result.stderr
