"""Power: the minimum detectable difference on cases with a known answer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reports.statistics.paired_tests import pairwise_p_values
from reports.statistics.power import Variation, detectable_differences
from reports.statistics.sample import Sample


def test_with_steady_seeds_the_detectable_difference_is_that_of_a_paired_t_test():
    rng = np.random.default_rng(3)
    rows = [(rng.random(4000) < 0.8).astype(float) for _ in range(2)]
    found = detectable_differences([Sample.of(np.tile(row, (3, 1))) for row in rows])[0, 1]
    expected = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * (rows[0] - rows[1]).std() / 4000**0.5
    assert found == pytest.approx(expected, rel=0.03)


def test_a_true_difference_that_is_detectable_is_found_about_four_times_in_five():
    rng = np.random.default_rng(4)

    def row(level):
        return Sample.of((rng.random((5, 1500)) < level + rng.normal(0, 0.005, (5, 1))).astype(float))

    detectable = np.mean([detectable_differences([row(0.8), row(0.8)])[0, 1] for _ in range(40)])
    found = [pairwise_p_values([row(0.8 + detectable), row(0.8)])[0, 1] < 0.05 for _ in range(300)]
    assert 0.7 <= np.mean(found) <= 0.93


def test_more_rows_need_a_larger_difference():
    rng = np.random.default_rng(5)
    samples = [Sample.of((rng.random((3, 500)) < 0.8).astype(float)) for _ in range(6)]
    assert detectable_differences(samples)[0, 1] > detectable_differences(samples[:2])[0, 1]


def crossed(rng, level, *, num_images, num_seeds, seed_sd=0.2, ease_N=None):
    ease_N = rng.normal(0, 1.5, num_images) if ease_N is None else ease_N
    scores_SN = level + ease_N + rng.normal(0, 0.7, num_images) + rng.normal(0, seed_sd, (num_seeds, 1))
    return Sample.of((scores_SN + rng.normal(0, 1, (num_seeds, num_images)) > 0).astype(float))


def rows_of(rng, num_rows, *, num_images, num_seeds):
    ease_N = rng.normal(0, 1.5, num_images)
    return [crossed(rng, 2.0, num_images=num_images, num_seeds=num_seeds, ease_N=ease_N) for _ in range(num_rows)]


@pytest.mark.parametrize(("num_seeds", "num_images"), [(3, 1000), (5, 1000), (5, 4000)])
def test_the_difference_that_a_bench_will_detect_is_foreseen_from_another_number_of_seeds_and_images(
    num_seeds, num_images
):
    rng = np.random.default_rng(6)
    before = Variation.of(rows_of(rng, 8, num_images=2000, num_seeds=3))
    foreseen = before.detectable(num_seeds, num_images, num_pairs=10)
    tables = [rows_of(rng, 5, num_images=num_images, num_seeds=num_seeds) for _ in range(20)]
    seen = [detectable_differences(rows)[np.triu_indices(5, 1)] for rows in tables]
    assert foreseen == pytest.approx(np.median(seen), rel=0.3)


def test_with_what_is_said_to_be_needed_the_difference_is_found_about_four_times_in_five():
    rng = np.random.default_rng(7)
    variation = Variation(of_images=0.05, of_residual=0.05, of_seeds=0.01**2)
    seeds = variation.seeds_needed(0.03, 3000)
    found = 0
    for _ in range(400):
        noise = rng.normal(0, (0.05 / 3000 + 2 * 0.05 / seeds / 3000) ** 0.5)
        means = rng.normal(0, 0.01, (2, seeds)) + np.array([[0.03 + noise], [0.0]])
        error = (means.var(axis=1, ddof=1).sum() / seeds + (0.05 + 2 * 0.05 / seeds) / 3000) ** 0.5
        found += abs(means.mean(axis=1) @ [1, -1]) / error > stats.t.ppf(0.975, 2 * seeds - 2)
    assert 0.75 <= found / 400 <= 0.97
    assert variation.detectable(seeds, 3000) <= 0.03 < variation.detectable(seeds - 1, 3000)


def test_images_needed_are_the_fewest_and_none_where_seeds_alone_leave_more():
    variation = Variation(of_images=0.05, of_residual=0.05, of_seeds=1e-6)
    images = variation.images_needed(0.01, 5)
    assert variation.detectable(5, images) <= 0.01 < variation.detectable(5, int(0.97 * images))
    assert Variation(of_images=0.05, of_residual=0.05, of_seeds=0.01).images_needed(0.01, 5) is None
    assert variation.seeds_needed(0.001, 100) is None


def test_rows_of_one_seed_each_tell_nothing_about_seeds():
    with pytest.raises(ValueError, match="one of several seeds"):
        Variation.of([Sample.of(np.ones((1, 9)))] * 2)
