"""Predicting: files get the logits of the record, bad ones a reason, and nothing is skipped silently."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from harness.classifiers.predicting import (
    ImagePrediction,
    ImageSource,
    Predictor,
    find_images,
    lines_of_stdin,
    predict_images,
)
from harness.classifiers.trained import load_trained
from harness.records.predictions import load_predictions
from zoo import Catalog
from zoo.files.image_files import LeftOut

TrainTrial = Callable[..., Path]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"models": ["resnet20_cifar"], "small_images": True, "set": {"data.image_size": 12}},
        {"models": ["speedrun_cnn"], "recipes": ["speedrun"], "set": {"data.image_size": 32}},
        {"layout": "contiguous", "precision": "bf16"},
    ],
    ids=["plain", "small_images", "own_predict", "bf16"],
)
def test_files_of_the_test_split_get_the_logits_of_the_record_bit_for_bit(
    asked: dict[str, Any], train_trial: TrainTrial, catalog: Catalog, photo_folder: Path
) -> None:
    folder = train_trial(catalog, **asked)
    saved = load_predictions(folder).predictions
    predictor = Predictor(load_trained(folder, catalog), device="cpu")
    found = list(predict_images(predictor, find_images([str(photo_folder / "test")])))
    logits_NK = torch.tensor([each.logits_K.tolist() for each in found if each.logits_K is not None])
    assert logits_NK.shape == (27, 3)
    assert torch.equal(logits_NK, torch.from_numpy(saved.logits))


def test_16_bit_files_are_scaled_by_the_bit_depth_of_the_training(
    train_trial: TrainTrial, catalog: Catalog, tmp_path: Path
) -> None:
    for split, count in (("train", 12), ("test", 4)):
        for label in ("bright", "dark"):
            (tmp_path / split / label).mkdir(parents=True)
            for index in range(count):
                values = np.random.default_rng(index).integers(0, 4096 >> (label == "dark"), (16, 16), dtype=np.uint16)
                Image.fromarray(values).save(tmp_path / split / label / f"{split}{index}.png")
    folder = train_trial(catalog, data=[f"folder:{tmp_path}"], set={"data.bit_depth": 12})
    predictor = Predictor(load_trained(folder, catalog), device="cpu")
    assert predictor.classifier.card.bit_depth == 12
    found = list(predict_images(predictor, find_images([str(tmp_path / "test")])))
    logits_NK = torch.tensor([each.logits_K.tolist() for each in found if each.logits_K is not None])
    assert torch.equal(logits_NK, torch.from_numpy(load_predictions(folder).predictions.logits))


def test_the_most_probable_classes_come_first_and_ties_in_the_order_of_classes() -> None:
    prediction = ImagePrediction(name="a", logits_K=np.log(np.array([1, 4, 1, 2], dtype=np.float32)))
    assert [index for index, _ in prediction.top(3)] == [1, 3, 0]
    assert [probability for _, probability in prediction.top(4)] == pytest.approx([0.5, 0.25, 0.125, 0.125])


def test_files_folders_and_what_is_neither_are_found_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    for name in ("b.png", "deep/a.jpg", "notes.txt"):
        (folder / name).write_bytes(b"x")
    skipped = LeftOut()
    odd = tmp_path / "image without a suffix"
    odd.write_bytes(b"x")
    names = [str(each) for each in (odd, folder, tmp_path / "empty", tmp_path / "nowhere.png")]
    found = list(find_images([*names, "a\0b"], skipped=skipped))
    assert [Path(each.name).name for each in found[:3]] == [odd.name, "b.png", "a.jpg"]
    assert [each.problem for each in found[3:5]] == ["the folder contains no images", "there is no such file"]
    assert found[5].problem
    assert skipped.others == {".txt": 1}


def test_names_are_read_from_standard_input_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a.png\r\n\n b.png\n\xff.png")))
    assert list(lines_of_stdin()) == ["a.png", " b.png", "\udcff.png"]
    # As Notepad and PowerShell begin a list, and as find -print0 separates one.
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfa.png\nb.png\0c d.png\0")))
    assert list(lines_of_stdin()) == ["a.png", "b.png", "c d.png"]


def test_sources_with_problems_keep_their_place(train_trial: TrainTrial, catalog: Catalog, photo_folder: Path) -> None:
    predictor = Predictor(load_trained(train_trial(catalog), catalog), device="cpu", batch_size=2)
    good = next((photo_folder / "test").rglob("*.png"))
    sources = [
        ImageSource(name="none", image=None, problem="it is missing"),
        ImageSource(name="good", image=good),
        ImageSource(name="bad", image=b"no image"),
        ImageSource(name="again", image=good.read_bytes()),
    ]
    found = list(predict_images(predictor, sources))
    assert [each.name for each in found] == ["none", "good", "bad", "again"]
    assert [bool(each.problem) for each in found] == [True, False, True, False]
    assert np.array_equal(found[1].logits_K, found[3].logits_K)  # type: ignore[arg-type]
