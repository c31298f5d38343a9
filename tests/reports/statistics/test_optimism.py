"""Optimism: the estimate is the true one on predictions with known truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reports.statistics.optimism import selection_optimism
from reports.statistics.sample import Sample


def chosen(rng, levels, *, num_images=600, num_seeds=3, seed_sd=0.1):
    """Return the samples of rows, and by how much the best mean exceeds its expected accuracy."""
    ease_N = rng.normal(0, 1.5, num_images)
    samples, truths = [], []
    for level in levels:
        scores_SN = level + ease_N + rng.normal(0, seed_sd, (num_seeds, 1)) + rng.normal(0, 1, (num_seeds, num_images))
        samples.append(Sample.of((scores_SN > 0).astype(float)))
        # These images: what all rows have in common with the sample is no optimism of the choice.
        truths.append(float(stats.norm.cdf((level + ease_N) / (1 + seed_sd**2) ** 0.5).mean()))
    means = [sample.mean for sample in samples]
    best = int(np.argmax(means))
    return samples, means[best] - truths[best]


@pytest.mark.parametrize(
    "levels", [np.full(20, 2.0), np.linspace(1.8, 2.2, 20), np.linspace(0.5, 3.0, 6), np.full(3, 2.0)], ids=str
)
def test_it_is_what_the_best_row_exceeds_its_truth_by(levels):
    rng = np.random.default_rng(0)
    drawn = [chosen(rng, levels) for _ in range(60)]
    true = np.array([excess for _, excess in drawn])
    found = np.array([selection_optimism(samples) for samples, _ in drawn])
    assert found.mean() == pytest.approx(true.mean(), abs=0.15 * abs(true.mean()) + 3 * true.std() / 60**0.5 + 0.0005)


def test_a_single_row_and_rows_that_are_alike_have_none():
    sample = Sample.of(np.tile((np.arange(100) % 5 > 0).astype(float), (2, 1)))
    assert selection_optimism([sample]) == 0.0
    assert selection_optimism([sample, sample]) == 0.0


def test_more_rows_have_more_of_it_and_more_images_less():
    rng = np.random.default_rng(1)

    def mean(num_rows, **options):
        drawn = [chosen(rng, np.full(num_rows, 2.0), seed_sd=0.0, **options)[0] for _ in range(8)]
        return np.mean([selection_optimism(samples) for samples in drawn])

    few, many, large = mean(3), mean(30), mean(30, num_images=6000)
    assert large < few < many
