"""Exports from Python are those of the command, and mistakes are sentences."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

import zoo
from zoo.api.exporting import ExportOrder

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def folder(train_trial: Callable[..., Path], catalog: zoo.Catalog) -> Path:
    return train_trial(catalog)


def test_the_file_is_that_of_the_command_to_the_byte(folder: Path, tmp_path: Path, run_zoo: Run) -> None:
    done = zoo.export(folder, tmp_path / "mine.safetensors", num_images=5)
    assert run_zoo("export", str(folder), "-o", str(tmp_path / "its.safetensors"), "--num-images", "5").exit_code == 0
    mine, its = ((tmp_path / f"{name}.safetensors").read_bytes() for name in ("mine", "its"))
    assert mine == its
    assert (done.path, done.format, done.num_bytes) == (tmp_path / "mine.safetensors", "safetensors", len(its))
    assert (done.parity.images, done.parity.top1_agreement, done.quantization) == (5, 1.0, None)
    described = json.loads((tmp_path / "mine.safetensors.json").read_bytes())
    assert described["parity"] == done.parity.model_dump(mode="json")


def test_a_difference_past_the_tolerance_is_an_error_with_the_parity(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from harness.classifiers.exporting import ParityError
    from harness.classifiers.formats import FORMATS

    how = FORMATS["safetensors"]
    shifted = replace(how, open=lambda path, catalog: lambda images: how.open(path, catalog)(images) + 1)
    monkeypatch.setitem(FORMATS, "safetensors", shifted)
    with pytest.raises(ParityError, match=r"more than the tolerance of 0\.5") as caught:
        zoo.export(folder, tmp_path / "net.safetensors", tolerance=0.5)
    assert caught.value.parity.max_difference == pytest.approx(1, abs=1e-5)
    assert list(tmp_path.iterdir()) == []


def test_a_quantised_file_says_how_it_was_made(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    done = zoo.export(
        folder, tmp_path / "net.onnx", quantize="static", calibration_images=20, min_agreement=0.5, num_images=10
    )
    assert done.quantization is not None
    assert (done.quantization.method, done.quantization.calibration_images) == ("static", 20)
    assert done.num_bytes == (tmp_path / "net.onnx").stat().st_size


@pytest.mark.parametrize(
    ("options", "sentences"),
    [
        ({"tolerence": 1}, ["no setting of zoo.export is called 'tolerence'; did you mean 'tolerance'?"]),
        (
            {"num_images": 0, "min_agreement": 2, "quantize": "int4"},
            [
                "quantize = 'int4': expected dynamic, static",
                "num_images = 0: expected a whole number of at least 1",
                "min_agreement = 2: expected a share from 0 to 1",
            ],
        ),
        ({"tolerance": float("nan")}, ["tolerance = nan: expected a number of at least 0"]),
        ({"calibration": "x"}, ["--calibration x needs --quantize static; no other method uses calibration images"]),
        ({"images": "absent"}, ["--images absent: this is not a folder"]),
    ],
)
def test_mistakes_are_told_together(
    options: dict[str, Any], sentences: list[str], folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(zoo.errors.ZooError) as caught:
        zoo.export(folder, tmp_path / "net.safetensors", **options)
    told = list(map(str, getattr(caught.value, "errors", [caught.value])))
    assert len(told) == len(sentences)
    assert all(found.startswith(sentence) for found, sentence in zip(told, sentences, strict=True)), told
    assert list(tmp_path.iterdir()) == []


def test_the_suffix_names_the_format_and_what_is_none_is_not_given() -> None:
    order = ExportOrder.parse("net.pt2", {"format": None, "images": None, "num_images": 3, "quantize": None})
    assert (order.form, order.images, order.num_images, order.tolerance) == ("torch-export", None, 3, 1e-4)
