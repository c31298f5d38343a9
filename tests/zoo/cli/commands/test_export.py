"""``zoo export``: output and exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from harness.classifiers.formats import FORMATS
from zoo import Catalog
from zoo.cli.commands import export

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def trial(train_trial: Callable[..., Path], catalog: Catalog) -> Path:
    return train_trial(catalog)


def test_the_formats_are_those_of_the_harness() -> None:
    assert {name: form.suffix for name, form in FORMATS.items()} == export._SUFFIXES


def test_an_export_reports_its_parity_and_predicts_like_the_trial(
    run_zoo: Run, trial: Path, tmp_path: Path, photo_folder: Path
) -> None:
    path = tmp_path / "net.safetensors"
    result = run_zoo("export", str(trial), "-o", str(path))
    assert (result.exit_code, result.stderr) == (0, "")
    assert "largest logit difference 0 (0 relative" in result.stdout
    assert "same top-1 class for 100.00 %" in result.stdout
    assert json.loads((tmp_path / "net.safetensors.json").read_bytes())["parity"]["images"] == 27
    words = (str(photo_folder / "test"), "--format", "csv")
    assert run_zoo("predict", str(path), *words).stdout == run_zoo("predict", str(trial), *words).stdout


def test_a_difference_past_the_tolerance_exits_with_1_and_leaves_no_file(
    run_zoo: Run, trial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    how = FORMATS["safetensors"]
    shifted = replace(how, open=lambda path, catalog: lambda images: how.open(path, catalog)(images) + 1)
    monkeypatch.setitem(FORMATS, "safetensors", shifted)
    result = run_zoo("export", str(trial), "-o", str(tmp_path / "net.safetensors"))
    assert result.exit_code == 1
    assert "more than the tolerance of 0.0001" in result.stderr
    assert "largest logit difference" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_images_are_required_if_the_test_split_is_not_in_the_cache(
    run_zoo: Run, trial: Path, tmp_path: Path, photo_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "empty"))
    words = ("export", str(trial), "-o", str(tmp_path / "net.safetensors"))
    result = run_zoo(*words)
    assert result.exit_code == 2
    assert "give --images FOLDER" in result.stderr
    assert run_zoo(*words, "--images", str(photo_folder / "test"), "--num-images", "4").exit_code == 0


def test_a_format_that_nothing_names_is_asked_for(run_zoo: Run, trial: Path) -> None:
    result = run_zoo("export", str(trial), "-o", "net.bin")
    assert result.exit_code == 2
    assert "give --format" in result.stderr


@pytest.mark.slow
def test_a_quantised_file_is_reported_with_its_settings_and_savings(run_zoo: Run, trial: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    words = ("export", str(trial), "-o", str(tmp_path / "net.onnx"), "--quantize", "static")
    result = run_zoo(*words, "--calibration-images", "20", "--min-agreement", "0.8")
    assert (result.exit_code, result.stderr) == (0, "")
    for words_of_it in (
        "static quantisation by onnxruntime",
        "on 20 training images",
        "in float32",
        "same top-1 class",
    ):
        assert words_of_it in result.stdout


def test_images_to_find_ranges_on_go_with_static_quantisation_only(run_zoo: Run, trial: Path, tmp_path: Path) -> None:
    words = ("export", str(trial), "-o", str(tmp_path / "net.onnx"), "--calibration", str(tmp_path))
    result = run_zoo(*words, "--quantize", "dynamic")
    assert result.exit_code == 2
    assert "needs --quantize static" in result.stderr


def test_training_images_are_required_if_they_are_not_in_the_cache(
    run_zoo: Run, trial: Path, tmp_path: Path, photo_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "empty"))
    words = ("export", str(trial), "-o", str(tmp_path / "net.onnx"), "--images", str(photo_folder / "test"))
    result = run_zoo(*words, "--quantize", "static")
    assert result.exit_code == 2
    assert "--calibration FOLDER, or use --quantize dynamic" in result.stderr


def test_an_exported_onnx_file_predicts_as_its_trial_does(
    run_zoo: Run, trial: Path, tmp_path: Path, photo_folder: Path
) -> None:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    path = tmp_path / "net.onnx"
    assert run_zoo("export", str(trial), "-o", str(path)).exit_code == 0
    words = (str(photo_folder / "test"), "--format", "json")
    theirs, ours = (json.loads(run_zoo("predict", str(each), *words).stdout) for each in (trial, path))
    names = [[row["predictions"][0]["class"] for row in rows] for rows in (theirs, ours)]
    assert names[0] == names[1]
    for words_of_it, sentence in (
        (("--device", "cuda"), "run on the CPU only"),
        (("--precision", "bf16"), "fixed when it is exported"),
    ):
        result = run_zoo("predict", str(path), *words, *words_of_it)
        assert result.exit_code == 2
        assert sentence in result.stderr


def test_onnx_files_from_other_tools_lack_the_required_metadata(
    run_zoo: Run, tmp_path: Path, photo_folder: Path
) -> None:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    result = run_zoo("predict", str(tmp_path / "bad.onnx"), str(photo_folder / "test"))
    assert result.exit_code != 0
    assert "cannot be run by onnxruntime" in result.stderr
    assert "there is nothing at" in run_zoo("predict", "nowhere.onnx", str(photo_folder / "test")).stderr
