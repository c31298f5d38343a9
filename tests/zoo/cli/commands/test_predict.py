"""``zoo predict``: what it writes, and how it exits."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from zoo import Catalog
from zoo.cli.group import zoo

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def trial(train_trial: Callable[..., Path], catalog: Catalog) -> str:
    return str(train_trial(catalog, epochs=4))


@pytest.fixture
def mixed(photo_folder: Path, tmp_path: Path) -> Path:
    """Two images, one of them below, a text file that pretends to be one, and a file of another kind."""
    folder = tmp_path / "mixed"
    (folder / "deep").mkdir(parents=True)
    shutil.copy(photo_folder / "test" / "birch" / "00.png", folder / "a.png")
    shutil.copy(photo_folder / "test" / "cedar" / "00.png", folder / "deep" / "=b.png")
    (folder / "junk.jpg").write_text("no image")
    (folder / "notes.txt").write_text("not asked about")
    return folder


def test_a_table_shows_the_best_class_and_then_the_others(run_zoo: Run, trial: str, photo_folder: Path) -> None:
    result = run_zoo("predict", trial, str(photo_folder / "test"), "--top-k", "2")
    assert (result.exit_code, result.stderr) == (0, "")
    header, *lines = result.stdout.splitlines()
    assert header.split() == ["image", "class", "%", "then"]
    assert len(lines) == 27
    assert all(any(name in line for name in ("birch", "cedar", "maple")) for line in lines)


def test_a_bad_image_is_a_line_with_its_reason_and_the_others_go_on(run_zoo: Run, trial: str, mixed: Path) -> None:
    result = run_zoo("predict", trial, str(mixed), "nowhere.png", str(mixed.parent), "--format", "json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert [each["problem"] for each in found[:4]] == [
        None, None, "not an image of a known format", "there is no such file",
    ]  # fmt: skip
    assert [len(each["predictions"]) for each in found[:4]] == [3, 3, 0, 0]
    assert "2 files left out because they are not images: 2 .txt" in result.stderr
    assert "3 of 7 images could not be classified" in result.stderr  # those of the folder above it, again


def test_dark_16_bit_images_are_noted(run_zoo: Run, trial: str, tmp_path: Path) -> None:
    """As torchvision's users find that 12-bit X-rays are black; a bench has such a note, too."""
    for number in range(2):
        Image.fromarray(np.full((9, 9), 4095 - number, np.uint16)).save(tmp_path / f"{number}.png")
    result = run_zoo("predict", trial, str(tmp_path))
    assert result.exit_code == 0
    assert (
        "2 images with 16 bits per sample have no value above 4,095 of 65,535, as if they had 12 bits, and become "
        "almost black because they are scaled by the full range; unless the training images were like that, multiply "
        "their values by 16, or train with --set data.bit_depth=12"
    ) in result.stderr
    Image.fromarray(np.full((9, 9), 60_000, np.uint16)).save(tmp_path / "bright.png")
    assert run_zoo("predict", trial, str(tmp_path)).stderr == ""


def test_probabilities_are_in_descending_order_and_add_up(run_zoo: Run, trial: str, mixed: Path) -> None:
    (one,) = json.loads(run_zoo("predict", trial, str(mixed / "a.png"), "--format", "json").stdout)
    shares = [each["probability"] for each in one["predictions"]]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1)


def test_csv_has_a_line_for_each_image_and_runs_nothing_in_a_spreadsheet(
    run_zoo: Run, trial: str, mixed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(mixed / "deep")
    result = run_zoo("predict", trial, "=b.png", "--format", "csv", "--top-k", "1", "-o", str(tmp_path / "out.csv"))
    assert (result.exit_code, result.stdout) == (0, "")
    with (tmp_path / "out.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert list(row) == ["image", "class_1", "probability_1", "problem"]
    assert row["image"] == "'=b.png"


def test_names_come_from_standard_input_also_those_that_are_not_utf8(trial: str, mixed: Path) -> None:
    odd = mixed.parent / b"od\xff d.png".decode("utf-8", "surrogateescape")
    shutil.copy(mixed / "a.png", odd)
    names = b"\n".join([bytes(mixed / "a.png"), b"", bytes(odd)]) + b"\n"
    words = ["--no-plugins", "predict", trial, "-", "--format", "jsonl"]
    result = CliRunner().invoke(zoo, words, input=names, prog_name="zoo")
    assert result.exit_code == 0
    first, second = (json.loads(line) for line in result.stdout.splitlines())
    assert first["predictions"] == second["predictions"]
    assert second["image"] == str(odd)


def test_batches_and_threads_change_no_prediction(run_zoo: Run, trial: str, photo_folder: Path) -> None:
    words = ("predict", trial, str(photo_folder / "test"), "--format", "csv")
    assert run_zoo(*words).stdout == run_zoo(*words, "--workers", "3").stdout
    few = [line.split(",")[:2] for line in run_zoo(*words, "--batch-size", "2").stdout.splitlines()]
    assert few == [line.split(",")[:2] for line in run_zoo(*words).stdout.splitlines()]


def test_mistakes_are_one_sentence_and_write_no_file(run_zoo: Run, trial: str, mixed: Path) -> None:
    for words, sentence in (
        (("nowhere", "a.png"), "there is nothing at nowhere"),
        ((trial, "a.png", "--device", "cuda:99"), "--device cuda:99"),
        ((trial, str(mixed / "a.png"), "-o", str(mixed / "none" / "x.csv")), "cannot be written"),
    ):
        result = run_zoo("predict", *words)
        assert (result.exit_code, result.stdout) == (2, "")
        assert sentence in result.stderr


def test_images_that_are_not_sure_enough_are_rejected_and_the_coverage_is_printed(
    run_zoo: Run, trial: str, photo_folder: Path
) -> None:
    words = ("predict", trial, str(photo_folder / "test"), "--format", "json")
    shares = [each["predictions"][0]["probability"] for each in json.loads(run_zoo(*words).stdout)]
    middle = sorted(shares)[13] - 1e-9
    result = run_zoo(*words, "--reject-below", f"{middle:.10f}")
    assert result.exit_code == 0
    answered = [bool(each["predictions"]) for each in json.loads(result.stdout)]
    assert answered == [share >= middle for share in shares]
    assert "14 of 27 images (51.9 %) answered" in result.stderr
    reasons = [each["problem"] for each in json.loads(result.stdout) if each["problem"]]
    assert len(reasons) == 13
    assert all(reason.startswith("rejected: its probability of ") for reason in reasons)


def test_a_threshold_for_an_accuracy_is_told(run_zoo: Run, trial: str, photo_folder: Path) -> None:
    result = run_zoo("predict", trial, str(photo_folder / "test"), "--reject-below", "1%")
    assert result.exit_code == 0
    assert "validation images: " in result.stderr
    assert "right among the 100.0 % answered" in result.stderr
    wrong = run_zoo("predict", trial, str(photo_folder / "test"), "--reject-below", "much")
    assert wrong.exit_code == 2
    assert "--reject-below much: expected a probability from 0 to 1" in wrong.stderr
