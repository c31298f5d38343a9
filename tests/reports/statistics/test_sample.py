"""The sample of a row, on tables worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from reports.statistics.sample import Sample


def test_image_means_and_the_mean_are_those_of_the_table():
    sample = Sample.of(np.array([[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]]))
    assert sample.image_means_N.tolist() == [1.0, 0.5, 1.0]
    assert sample.mean == pytest.approx(5 / 6)
    assert sample.num_seeds == 2


def test_the_spread_is_the_variance_of_the_means_of_the_seeds():
    correct = np.array([[1.0, 0.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    assert Sample.of(correct).seed_spread == pytest.approx(np.var([0.75, 1.0], ddof=1))


def test_seeds_that_agree_on_every_image_do_not_vary():
    sample = Sample.of(np.array([[1.0, 0.0, 1.0]] * 3))
    assert (sample.seed_variance, sample.seed_spread, sample.residual_variance) == (0.0, 0.0, 0.0)


def test_only_one_seed_without_ties_is_fit_for_mcnemars_test():
    assert Sample.of(np.array([[1.0, 0.0]])).is_whole
    assert not Sample.of(np.array([[1.0, 0.5]])).is_whole
    assert not Sample.of(np.array([[1.0, 0.0], [1.0, 0.0]])).is_whole
