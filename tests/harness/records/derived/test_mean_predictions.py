"""Mean predictions: the mean of probabilities, aligned by image, whose likelihood is never below the members' mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.records.derived.mean_predictions import log_likelihoods, mean_predictions
from harness.records.predictions import SavedPredictions
from plugins.metrics.probability import nll
from zoo.errors import StoreError
from zoo.metric import Predictions


def saved(logits: Any, *, labels: Any = (0, 1, 2), samples: Any = (5, 3, 9), **fields: Any) -> SavedPredictions:
    samples_N = np.array(samples, dtype=np.uint64)
    predictions = Predictions(
        **{
            "logits": np.array(logits, dtype=np.float32),
            "labels": np.array(labels),
            "classes": ("x", "y", "z"),
            "samples": samples_N,
            **fields,
        }
    )
    return SavedPredictions(predictions=predictions, samples=samples_N)


ONE = [[2.0, 0.0, -1.0], [0.5, 0.25, 0.0], [-3.0, 4.0, 0.0]]
OTHER = [[0.0, 1.0, -1.0], [0.0, 8.0, 0.0], [1.0, 1.0, 2.0]]


def test_probabilities_are_averaged() -> None:
    one, other = saved(ONE), saved(OTHER)
    mean = mean_predictions([one, other])
    expected = (one.predictions.probabilities + other.predictions.probabilities) / 2
    np.testing.assert_allclose(mean.predictions.probabilities, expected, rtol=1e-13)
    weighted = mean_predictions([one, other], [3.0, 1.0])
    expected = (3 * one.predictions.probabilities + other.predictions.probabilities) / 4
    np.testing.assert_allclose(weighted.predictions.probabilities, expected, rtol=1e-13)


def test_images_are_aligned_by_their_ids() -> None:
    place = [2, 0, 1]
    turned = saved(np.array(OTHER)[place], labels=np.array([0, 1, 2])[place], samples=np.array([5, 3, 9])[place])
    mean = mean_predictions([saved(ONE), turned])
    np.testing.assert_allclose(
        mean.predictions.logits, mean_predictions([saved(ONE), saved(OTHER)]).predictions.logits, rtol=1e-13
    )
    assert mean.samples.tolist() == [5, 3, 9]
    assert mean.predictions.labels.tolist() == [0, 1, 2]


def test_a_single_member_keeps_its_probabilities() -> None:
    mean = mean_predictions([saved(ONE)])
    np.testing.assert_allclose(mean.predictions.probabilities, saved(ONE).predictions.probabilities, rtol=1e-13)


def test_likelihoods_are_those_of_the_labels_in_the_order_of_the_ids() -> None:
    found = log_likelihoods([saved(ONE), saved(OTHER)])
    assert found.shape == (2, 3)
    expected = np.log(saved(ONE).predictions.probabilities[[1, 0, 2], [1, 0, 2]])
    np.testing.assert_allclose(found[0], expected, rtol=1e-13)


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    num_members=st.integers(1, 6),
    num_images=st.integers(1, 40),
    scale=st.sampled_from([0.0, 0.1, 1.0, 10.0, 300.0, 1e4]),
    weighted=st.booleans(),
)
def test_the_loss_of_the_mean_is_never_above_the_mean_of_the_losses(
    seed: int, num_members: int, num_images: int, scale: float, weighted: bool
) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, num_images)
    samples = random.permutation(num_images)
    members = [
        saved(scale * random.normal(size=(num_images, 3)), labels=labels, samples=samples) for _ in range(num_members)
    ]
    weights = random.integers(1, 5, num_members).astype(float) if weighted else np.ones(num_members)
    of_mean = nll(mean_predictions(members, list(weights)).predictions)
    mean = float(np.average([nll(member.predictions) for member in members], weights=weights))
    assert of_mean <= mean * (1 + 1e-12) + 1e-12


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (saved(OTHER, samples=(5, 3, 8)), "the images are others"),
        (saved(OTHER[:2], labels=(0, 1), samples=(5, 3)), "the images are others"),
        (saved(OTHER, labels=(0, 1, 1)), "the labels of the images are others"),
        (saved(OTHER, classes=("x", "z", "y")), "the classes are others"),
        (saved(np.eye(3), has_scores=False), "there are classes only, and no probabilities to average"),
    ],
)
def test_members_that_do_not_belong_together_are_refused(other: SavedPredictions, sentence: str) -> None:
    with pytest.raises(StoreError, match=sentence):
        mean_predictions([saved(ONE), other])
    with pytest.raises(StoreError, match=sentence):
        log_likelihoods([saved(ONE), other])


def test_an_image_that_is_there_twice_is_refused() -> None:
    with pytest.raises(StoreError, match="twice"):
        mean_predictions([saved(ONE, samples=(5, 5, 9))])
