"""Adding: files become rows with the right numbers; a mistake in one leaves no record of any."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss

from harness.given.adding import add_predictions
from harness.given.test_images import TestImages, from_labels
from harness.records.origin import OriginKind
from harness.records.predictions import load_predictions
from harness.records.store import Store
from tests.harness.given.conftest import TOY, WriteJson
from zoo.catalog import Catalog
from zoo.errors import ManyErrors, UsageError, ZooError

MakeImages = Callable[[Sequence[str]], TestImages]
RIGHT = {"a": "cat", "b": "dog", "c": "dog", "d": "cow"}


def test_a_file_of_classes_becomes_a_row(
    tmp_path: Path, catalog: Catalog, toy_images: MakeImages, write_json: WriteJson
) -> None:
    images = toy_images(list("abcd"))
    path = write_json("Some Net", {"d": "cow", "c": "cat", "b": "dog", "a": "cat"})
    (row,) = add_predictions(Store(tmp_path / "runs"), [path], images, list(catalog.metrics))
    record = row.record
    assert record.metrics["accuracy"].value == 0.75
    assert (row.is_new, row.aligned_by) == (True, "id")
    assert record.spec.architecture.display_name == "Some Net"
    assert record.spec.architecture.full_name == "predictions/some-net"
    assert record.origin is not None
    assert (record.origin.kind, record.origin.source) == (OriginKind.PREDICTIONS, "Some Net.json")
    assert not record.origin.has_scores
    assert record.data == images.info
    saved = load_predictions(tmp_path / "runs" / record.trial_id)
    assert saved.samples.tolist() == images.samples_N.tolist()
    assert not saved.predictions.has_scores
    assert saved.predictions.logits.argmax(axis=1).tolist() == [0, 2, 0, 1]


def test_probabilities_give_the_numbers_of_scikit_learn(
    tmp_path: Path, catalog: Catalog, write_json: WriteJson
) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 300)
    probabilities = random.dirichlet(np.ones(4), 300)
    ids = [f"image-{number}" for number in range(300)]
    order = random.permutation(300)
    images = from_labels(write_json("labels", dict(zip(ids, labels.tolist(), strict=True))), TOY)
    path = tmp_path / "net.npz"
    np.savez(path, id=np.array(ids)[order], probabilities=probabilities[order])
    (row,) = add_predictions(Store(tmp_path / "runs"), [path], images, list(catalog.metrics))
    values = {name: metric.value for name, metric in row.record.metrics.items()}
    predicted = probabilities.argmax(axis=1)
    assert values["accuracy"] == pytest.approx(accuracy_score(labels, predicted), abs=1e-12)
    assert values["macro_f1"] == pytest.approx(f1_score(labels, predicted, average="macro"), abs=1e-12)
    assert values["nll"] == pytest.approx(log_loss(labels, probabilities), rel=1e-12)
    assert row.record.origin is not None
    assert row.record.origin.has_scores


def test_certainty_in_a_wrong_class_and_chance_are_pointed_out(
    tmp_path: Path, catalog: Catalog, toy_images: MakeImages, write_json: WriteJson
) -> None:
    images = toy_images([str(number) for number in range(40)])
    certain = {"id": list(range(40)), "probabilities": [[1.0, 0.0, 0.0]] * 40}
    (row,) = add_predictions(Store(tmp_path / "runs"), [write_json("net", certain)], images, list(catalog.metrics))
    impossible, chance = row.record.warnings
    assert impossible == (
        "the true class has probability 0 in 30 images, which counts as 1e-38 in the negative log-likelihood"
    )
    assert chance.startswith("its accuracy of 25.0 % is no better than naming one class for all images")


def test_a_mistake_in_one_file_leaves_no_record_of_any(
    tmp_path: Path, catalog: Catalog, toy_images: MakeImages, write_json: WriteJson
) -> None:
    images = toy_images(list("abcd"))
    files = [
        write_json("good", RIGHT),
        write_json("missing", {"a": "cat"}),
        write_json("strange", {**RIGHT, "a": "emu"}),
        write_json("sums", {key: [0.5, 0.4, 0.05] for key in RIGHT}),
        write_json("wide", {key: [0.25, 0.25, 0.25, 0.25] for key in RIGHT}),
    ]
    with pytest.raises(ManyErrors) as raised:
        add_predictions(Store(tmp_path / "runs"), files, images, list(catalog.metrics))
    sentences = [str(error) for error in raised.value.errors]
    assert [sentence.partition(": ")[0].rpartition("/")[2] for sentence in sentences] == [
        "missing.json",
        "strange.json",
        "sums.json",
        "wide.json",
    ]
    assert not (tmp_path / "runs").exists()


def test_two_files_of_one_name_are_refused_and_a_single_one_may_be_named(
    tmp_path: Path, catalog: Catalog, toy_images: MakeImages, write_json: WriteJson
) -> None:
    images = toy_images(list("abcd"))
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "net.json"
    other.write_text(json.dumps(RIGHT))
    with pytest.raises(UsageError, match="2 files would make rows called 'net'"):
        add_predictions(Store(tmp_path / "runs"), [write_json("net", RIGHT), other], images, [])
    (row,) = add_predictions(Store(tmp_path / "runs"), [other], images, [], name="their net")
    assert row.record.spec.title == "their net · toy · predictions · seed 0"


def test_ids_of_another_dataset_leave_no_record(
    tmp_path: Path, catalog: Catalog, toy_images: MakeImages, write_json: WriteJson
) -> None:
    with pytest.raises(ZooError, match="none of its 4 ids"):
        add_predictions(Store(tmp_path / "runs"), [write_json("net", RIGHT)], toy_images(list("wxyz")), [])
    assert not (tmp_path / "runs").exists()
