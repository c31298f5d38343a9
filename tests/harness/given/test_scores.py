"""Scores: probabilities sum to 1 as far as their decimals allow, and logarithms keep the class on top."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.given.columns import Columns
from harness.given.scores import as_logits, is_one_hot, log_probabilities
from zoo.errors import DataError

FILE = Columns(path=Path("p.csv"), sha256="", by_name={})


def test_probabilities_that_are_rounded_to_few_decimals_need_not_sum_to_1_exactly() -> None:
    exact_NK = np.random.default_rng(0).dirichlet(np.ones(10), 500)
    rounded_NK = exact_NK.round(3)
    assert np.abs(rounded_NK.sum(axis=1) - 1).max() > 1e-3, "else this tests nothing"
    logits_NK = as_logits(FILE, rounded_NK, None, list(map(str, range(500))))
    assert (logits_NK.argmax(axis=1) == rounded_NK.argmax(axis=1)).all()
    halves_NK = exact_NK.astype(np.float16).astype(np.float64)
    assert as_logits(FILE, halves_NK, None, list(map(str, range(500)))).shape == (500, 10)


@pytest.mark.parametrize("wrong", [[0.5, 0.4, 0.05], [0.123456, 0.8, 0.07], [0.333, 0.333, 0.332]])
def test_a_sum_that_rounding_does_not_explain_is_refused(wrong: list[float]) -> None:
    with pytest.raises(DataError, match="the probabilities of 1 row do not sum to 1: 'a'"):
        as_logits(FILE, np.array([wrong]), None, ["a"])


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([[0, 1], [1, 0]], True), ([[0, 1], [1, 1]], False), ([[0, 1], [0.5, 0.5]], False), ([[0, 0], [1, 0]], False)],
)
def test_a_1_for_each_image_is_a_class(scores: list[list[float]], expected: bool) -> None:
    assert is_one_hot(np.array(scores, dtype=np.float64)) is expected


def test_logarithms_keep_the_class_that_was_on_top() -> None:
    least = np.nextafter(0.001, 1)
    probabilities_NK = np.full((2, 1000), 0.001)
    probabilities_NK[0, 7] = least
    assert np.log(least) == np.log(0.001), "without care, this would be a tie"
    logits_NK = log_probabilities(probabilities_NK)
    assert (logits_NK[0] == logits_NK[0].max()).nonzero()[0].tolist() == [7]
    assert (logits_NK[1] == logits_NK[1].max()).all(), "a true tie stays one"
