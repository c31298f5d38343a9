"""Classifiers from Python predict what the command predicts, and embed what the head sees."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import Result
from PIL import Image

import zoo

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def folder(train_trial: Callable[..., Path], catalog: zoo.Catalog) -> Path:
    return train_trial(catalog)


@pytest.fixture(scope="module")
def files(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three images of noise, and a file that is none."""
    where = tmp_path_factory.mktemp("images")
    paths = [where / f"{name}.png" for name in ("a", "b", "c", "broken")]
    for number, path in enumerate(paths[:3]):
        pixels = np.random.default_rng(number).integers(0, 256, (20, 28, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    paths[3].write_bytes(b"no image")
    return paths


def test_predictions_are_those_of_the_command(folder: Path, files: list[Path], run_zoo: Run) -> None:
    frame = zoo.load_classifier(folder).predict(files, top_k=2)
    told = run_zoo("predict", str(folder), *map(str, files), "--format", "csv", "--top-k", "2")
    rows = list(csv.reader(io.StringIO(told.stdout)))
    assert list(frame.columns) == rows[0]
    for (_, mine), row in zip(frame.iterrows(), rows[1:], strict=True):
        assert [("" if each is None or each != each else str(each)) for each in mine] == row


def test_images_that_are_not_probable_enough_are_rejected_as_by_the_command(
    folder: Path, files: list[Path], run_zoo: Run
) -> None:
    classifier = zoo.load_classifier(folder, batch_size=2)
    sure = classifier.predict(files[:3])["probability_1"].max()
    frame = classifier.predict(files, reject_below=sure, workers=1)
    told = run_zoo(
        "predict", str(folder), *map(str, files), "--format", "csv", "--top-k", "1", "--reject-below", str(sure)
    )
    rows = list(csv.DictReader(io.StringIO(told.stdout)))
    assert list(frame["problem"]) == [row["problem"] for row in rows]
    assert sorted(text.partition(":")[0] for text in frame["problem"][:3]) == ["", "rejected", "rejected"]
    assert len(classifier.predict(files[:3], reject_below="0%")) == 3
    with pytest.raises(zoo.errors.UsageError, match="--reject-below 2: expected a probability from 0 to 1"):
        classifier.predict(files, reject_below=2)


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"precision": "int4"}, r"^precision = 'int4': expected fp32, bf16 or fp16$"),
        ({"batch_size": 0}, r"^batch_size = 0: expected a whole number of at least 1$"),
    ],
)
def test_a_setting_that_is_none_is_one_sentence(option: dict[str, Any], sentence: str, folder: Path) -> None:
    with pytest.raises(zoo.errors.UsageError, match=sentence):
        zoo.load_classifier(folder, **option)


def test_loading_leaves_the_global_generator_as_it_was(folder: Path) -> None:
    """A recipe that loads a teacher would resume to other bits, since it is loaded again in a later epoch."""
    before = torch.get_rng_state()
    zoo.load_classifier(folder, device="cpu")
    assert torch.equal(torch.get_rng_state(), before)


def test_images_in_memory_are_classified_as_their_files(folder: Path, files: list[Path]) -> None:
    classifier = zoo.load_classifier(folder)
    expected = classifier.predict_proba(files[:3])
    images = [Image.open(path) for path in files[:3]]
    pixels = np.stack([np.asarray(image) for image in images])
    for given in (images, pixels, list(pixels), [path.read_bytes() for path in files[:3]]):
        assert np.array_equal(classifier.predict_proba(given), expected)
    assert np.allclose(classifier.predict_proba(images[0])[0], expected[0], atol=1e-6)
    assert np.allclose(expected.sum(axis=1), 1)


def test_a_classifier_is_a_module_on_prepared_images(folder: Path, files: list[Path]) -> None:
    classifier = zoo.load_classifier(folder)
    prepared = classifier.prepare(files[:3])
    card = classifier.card
    assert prepared.shape == (3, card.channels, card.image_size, card.image_size)
    with torch.inference_mode():
        logits = classifier(prepared)
    assert torch.allclose(
        logits.softmax(dim=1).double(), torch.from_numpy(classifier.predict_proba(files[:3])), atol=1e-6
    )
    assert not classifier.training


def test_features_are_what_the_head_turns_into_logits(folder: Path, files: list[Path]) -> None:
    from harness.networks.heads import find_head

    classifier = zoo.load_classifier(folder)
    features = classifier.embed(files[:3])
    (head,) = find_head(classifier._predictor.classifier.model)
    with torch.inference_mode():
        logits = head(torch.from_numpy(features))
        expected = classifier(classifier.prepare(files[:3]))
    assert torch.allclose(logits, expected, atol=1e-5)
    assert not head._forward_pre_hooks


def test_what_cannot_be_classified_is_a_sentence(folder: Path, files: list[Path]) -> None:
    classifier = zoo.load_classifier(folder)
    with pytest.raises(zoo.errors.DataError, match=r"broken\.png"):
        classifier.predict_proba(files)
    with pytest.raises(zoo.errors.DataError, match="no images"):
        classifier.embed([])
    with pytest.raises(zoo.errors.UsageError, match=r"image 0 is float64 \[4, 4\]: pixels must be uint8"):
        classifier.predict(np.zeros((4, 4)))
    with pytest.raises(zoo.errors.UsageError, match="image 0 is int"):
        classifier.predict([3])  # type: ignore[list-item]
    with pytest.raises(zoo.errors.UsageError, match="top_k = 0"):
        classifier.predict(files, top_k=0)


def test_a_notebook_shows_what_it_is(folder: Path) -> None:
    classifier = zoo.load_classifier(folder)
    assert classifier.card.architecture.display_name in classifier._repr_html_()
    assert classifier.card.title in repr(classifier)
    assert classifier.classes == classifier.card.classes
    assert isinstance(classifier.notes, tuple)
