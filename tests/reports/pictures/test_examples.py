"""Examples: which images are chosen, and which pairs of classes are confused most."""

from __future__ import annotations

import numpy as np
import pytest

from reports.pictures.examples import choose_examples, galleries, worst_pairs
from reports.trials.evidence import Evidence


@pytest.fixture
def evidence():
    """Six images of two classes: sure and right, unsure and right, sure and wrong."""
    probabilities_NK = np.array([[0.99, 0.01], [0.6, 0.4], [0.2, 0.8], [0.1, 0.9], [0.45, 0.55], [0.95, 0.05]])
    labels_N = np.array([0, 0, 0, 1, 1, 1])
    called_N = probabilities_NK.argmax(axis=1)
    confusion_KK = np.zeros((2, 2))
    np.add.at(confusion_KK, (labels_N, called_N), 1)
    return Evidence(
        samples_N=np.arange(6, dtype=np.uint64),
        labels_N=labels_N,
        classes=("cat", "dog"),
        probabilities_NK=probabilities_NK,
        correct_SN=(called_N == labels_N)[None].astype(float),
        confusion_KK=confusion_KK,
        confidence_M=probabilities_NK.max(axis=1),
        right_M=(called_N == labels_N).astype(float),
    )


def test_images_are_chosen_by_confidence(evidence):
    chosen = {title: images.tolist() for title, images in choose_examples(evidence, 2)}
    assert chosen == {"Wrong, most confident": [5, 2], "Least confident": [4, 1], "Right, most confident": [0, 3]}


def test_a_kind_without_images_is_left_out(evidence):
    right = Evidence(
        **{
            **{name: getattr(evidence, name) for name in Evidence.__slots__},
            "labels_N": evidence.probabilities_NK.argmax(axis=1),
        }
    )
    assert [title for title, _ in choose_examples(right)] == ["Least confident", "Right, most confident"]


def test_confusions_come_with_the_images_that_cause_them(evidence):
    pairs = worst_pairs(evidence, lambda sample: f"{sample}.png")
    assert [(pair["true"], pair["predicted"], pair["count"], pair["share"]) for pair in pairs] == [
        ("cat", "dog", "1", "33.3"),
        ("dog", "cat", "1", "33.3"),
    ]
    assert [image["src"] for image in pairs[0]["images"]] == ["2.png"]
    assert pairs[0]["images"][0]["confidence"] == "80"


def test_a_picture_that_is_missing_is_named_by_its_sample(evidence):
    image = galleries(evidence, lambda sample: None)[0]["images"][0]
    assert (image["src"], image["sample"], image["true"], image["predicted"]) == (None, f"{5:016x}", "dog", "cat")


def test_without_scores_there_are_images_but_no_confidence(evidence):
    classes_only = Evidence(
        **{**{name: getattr(evidence, name) for name in Evidence.__slots__}, "has_scores": False},
    )
    chosen = {title: images.tolist() for title, images in choose_examples(classes_only, 3)}
    assert chosen == {"Wrong": [2, 5], "Right": [0, 1, 3]}
    assert {image["confidence"] for each in galleries(classes_only, str) for image in each["images"]} == {""}
