"""Paired tests: calibration on predictions with known truth, and cases with a known answer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reports.statistics.paired_tests import Pairing, pair_rows, pairwise_p_values
from reports.statistics.ranks import separated
from reports.statistics.sample import Sample

from .worlds import DIGITS, LARGE, NOISY, STEADY, World, coverage, false_separations

UNEQUAL = {
    "two": (0.05, 0.25),
    "one noisy": (0.05, 0.05, 0.05, 0.05, 0.25),
    "two noisy": (0.05, 0.25, 0.25),
    "ladder": (0.05, 0.1, 0.15, 0.2, 0.25),
    "one steady": (0.25, 0.25, 0.25, 0.25, 0.05),
}


def unequal_false_separations(seed_sds: tuple[float, ...], num_seeds: int, repeats: int) -> float:
    rng = np.random.default_rng(7)
    wrong = 0
    for _ in range(repeats):
        world = World(rng, **LARGE)
        wrong += separated([world.at_seed_sd(sd).draw(num_seeds) for sd in seed_sds]).any()
    return wrong / repeats


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [(2, 2), (3, 3), (5, 5), (1, 5), (2, 5), (3, 10), (3, 3, 3, 3, 3)], ids=str)
@pytest.mark.parametrize("settings", [DIGITS, NOISY, LARGE, STEADY], ids=["digits", "noisy", "large", "steady"])
def test_equal_models_are_separated_in_at_most_5_of_100_cases(settings, seeds):
    assert false_separations(settings, seeds, 1000) <= 0.05 + 0.007


def test_equal_models_with_unequal_seed_variance_are_rarely_separated():
    assert unequal_false_separations(UNEQUAL["ladder"], 2, 200) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [2, 3, 5])
@pytest.mark.parametrize("seed_sds", UNEQUAL.values(), ids=UNEQUAL)
def test_equal_models_with_unequal_seed_variance_are_separated_in_at_most_5_of_100_cases(seed_sds, num_seeds):
    assert unequal_false_separations(seed_sds, num_seeds, 1000) <= 0.05 + 0.007


@pytest.mark.slow
def test_with_one_seed_each_two_equal_networks_are_separated_in_at_most_5_of_100_cases():
    """Networks, not architectures: no seed effect, for one seed cannot speak of others."""
    assert false_separations({**DIGITS, "seed_sd": 0.0}, (1, 1), 1000) <= 0.05
    assert 0.93 <= coverage({**LARGE, "seed_sd": 0.0}, 1, 2000) <= 0.97


def test_two_networks_of_one_seed_each_meet_mcnemars_exact_test():
    first, second = np.ones((1, 100)), np.ones((1, 100))
    first[0, :3] = 0.0
    second[0, 3:15] = 0.0  # 12 images against 3
    p_values = pairwise_p_values([Sample.of(first), Sample.of(second)])
    assert p_values[0, 1] == pytest.approx(stats.binomtest(3, 15).pvalue)
    assert p_values[0, 1] == p_values[1, 0]


def test_rows_that_agree_on_every_image_have_p_1():
    same = (np.arange(200) % 7 > 0).astype(float)
    for num_seeds in (1, 3):
        samples = [Sample.of(np.tile(same, (num_seeds, 1)))] * 2
        assert pairwise_p_values(samples)[0, 1] == 1.0


def test_with_steady_seeds_the_paired_test_is_near_the_t_test_of_paired_images():
    rng = np.random.default_rng(3)
    ease = rng.normal(size=1000)
    first = np.tile((ease + 0.4 * rng.normal(size=1000) > -1.2).astype(float), (3, 1))
    second = np.tile((ease + 0.4 * rng.normal(size=1000) > -1.1).astype(float), (3, 1))
    p_value = pairwise_p_values([Sample.of(first), Sample.of(second)])[0, 1]
    assert p_value == pytest.approx(stats.ttest_rel(first[0], second[0]).pvalue, rel=0.25)


def test_with_noisy_seeds_a_difference_is_not_believed_that_images_alone_would_show():
    rng = np.random.default_rng(0)
    accuracy = np.array([0.80, 0.90, 0.94])
    first = (rng.random((3, 5000)) < accuracy[:, None]).astype(float)
    second = (rng.random((3, 5000)) < accuracy[:, None] - 0.05).astype(float)
    assert pairwise_p_values([Sample.of(first), Sample.of(second)])[0, 1] > 0.2
    assert pairwise_p_values([Sample.of(first[:1]), Sample.of(second[:1])])[0, 1] < 1e-6


def test_a_row_of_one_seed_borrows_the_others_seed_variance():
    rng = np.random.default_rng(0)
    many = (rng.random((3, 5000)) < np.array([[0.80], [0.90], [0.94]])).astype(float)
    one = (rng.random((1, 5000)) < 0.85).astype(float)
    assert pairwise_p_values([Sample.of(many), Sample.of(one)])[0, 1] > 0.2


def test_ties_within_an_image_count_as_the_share_they_are():
    """A model that always says everything is 10 % right on each image, and no better than one right on every tenth."""
    constant = np.full((1, 1000), 0.1)
    tenth = (np.arange(1000) % 10 == 0).astype(float)[None]
    assert pairwise_p_values([Sample.of(constant), Sample.of(tenth)])[0, 1] == 1.0
    half = (np.arange(1000) % 2 == 0).astype(float)[None]
    above = separated([Sample.of(constant), Sample.of(half)])
    assert above.tolist() == [[False, False], [True, False]]


def test_the_order_of_rows_changes_no_p_value():
    rng = np.random.default_rng(2)
    samples = [World(rng, **DIGITS).draw(num_seeds) for num_seeds in (1, 1, 2, 3, 5)]
    order = [3, 0, 4, 2, 1]
    together = pairwise_p_values(samples)
    shuffled = pairwise_p_values([samples[place] for place in order])
    np.testing.assert_allclose(shuffled, together[np.ix_(order, order)], rtol=1e-9)


def test_seeds_that_happen_to_agree_are_not_believed_where_other_rows_seeds_vary():
    rng = np.random.default_rng(4)

    def row(*accuracies):
        return Sample.of((rng.random((3, 5000)) < np.array(accuracies)[:, None]).astype(float))

    agree, lower = row(0.90, 0.90, 0.90), row(0.87, 0.87, 0.87)
    others = [row(0.80, 0.90, 0.94), row(0.82, 0.95, 0.90), row(0.93, 0.84, 0.88)]
    assert pairwise_p_values([agree, lower])[0, 1] < 0.01
    assert pairwise_p_values([agree, lower, *others])[0, 1] > 0.1


def mixed_rows(rng, num_rows, seeds=(2, 3)):
    ease_N = rng.normal(size=300)
    return [
        Sample.of((rng.normal(1, 0.5) + ease_N + rng.normal(0, 0.7, (seeds[row % len(seeds)], 300)) > 0).astype(float))
        for row in range(num_rows)
    ]


@pytest.mark.parametrize("seeds", [(3,), (2, 3), (1, 3), (7, 11, 13)], ids=str)
def test_pairs_in_blocks_are_all_pairs(seeds):
    """Rows of 7, 11 and 13 seeds have shares that single precision does not hold, so sums are in double precision."""
    samples = mixed_rows(np.random.default_rng(0), 9, seeds)
    whole = pair_rows(samples)
    pairing = Pairing(samples)
    blocks = [pairing.pairs(start, min(start + 4, 9)) for start in range(0, 9, 4)]
    assert pairing.num_pairs == len(whole.differences_P) == 36
    for name in ("first_P", "second_P", "are_whole_P", "differences_P", "image_squares_P"):
        together = np.concatenate([getattr(each, name) for each in blocks])
        np.testing.assert_allclose(together, getattr(whole, name), rtol=1e-12)
    p_values = np.concatenate([each.p_values() for each in blocks])
    np.testing.assert_allclose(p_values, whole.p_values(), rtol=1e-9)


@pytest.mark.parametrize("seeds", [(3,), (1, 2), (7, 11, 13)], ids=str)
def test_sums_over_images_are_those_of_the_paired_differences(seeds):
    samples = mixed_rows(np.random.default_rng(1), 5, seeds)
    pairs = pair_rows(samples)
    for place, (first, second) in enumerate(zip(pairs.first_P, pairs.second_P, strict=True)):
        differences_N = samples[first].image_means_N - samples[second].image_means_N
        assert pairs.image_squares_P[place] == pytest.approx((differences_N**2).sum(), rel=1e-9)
        freedom = (differences_N**2).sum() ** 2 / (differences_N**4).sum()
        assert pairs.parts[0][1][place] == pytest.approx(np.floor(np.clip(freedom, 1, 299)), abs=1)
