"""Intervals and ranks on cases with known answers, and their calibration on synthetic predictions with known truth."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from scipy import stats

from reports.statistics.accuracy import Sample, holm, mean_interval, pairwise_p_values, rank_ranges, separated


class World:
    """Predictions of models of one expected accuracy: crossed effects of seeds and images behind a threshold."""

    def __init__(self, rng, *, num_images, level, seed_sd, image_sd=1.5, shared=0.9):
        self.rng, self.num_images, self.level, self.seed_sd, self.image_sd = rng, num_images, level, seed_sd, image_sd
        self.shared_N = rng.normal(0, image_sd * shared**0.5, num_images)
        self.own_sd = image_sd * (1 - shared) ** 0.5

    @property
    def accuracy(self) -> float:
        return float(stats.norm.cdf(self.level / (1 + self.seed_sd**2 + self.image_sd**2) ** 0.5))

    def at_seed_sd(self, seed_sd: float) -> World:
        """Return a model of the same accuracy on the same images whose seeds vary otherwise."""
        spread = (1 + self.seed_sd**2 + self.image_sd**2) ** 0.5
        other = copy.copy(self)
        other.level = self.level / spread * (1 + seed_sd**2 + self.image_sd**2) ** 0.5
        other.seed_sd = seed_sd
        return other

    def draw(self, num_seeds: int) -> Sample:
        own_N = self.rng.normal(0, self.own_sd, self.num_images)
        seed_S1 = self.rng.normal(0, self.seed_sd, (num_seeds, 1))
        rest_SN = self.rng.normal(0, 1, (num_seeds, self.num_images))
        return Sample.of((self.level + seed_S1 + self.shared_N + own_N + rest_SN > 0).astype(float))


def coverage(settings: dict, num_seeds: int, repeats: int) -> float:
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(repeats):
        world = World(rng, **settings)
        interval = mean_interval(world.draw(num_seeds))
        hits += interval.low <= world.accuracy <= interval.high
    return hits / repeats


def false_separations(settings: dict, seeds: tuple[int, ...], repeats: int) -> float:
    rng = np.random.default_rng(6)
    wrong = 0
    for _ in range(repeats):
        world = World(rng, **settings)
        wrong += separated([world.draw(num_seeds) for num_seeds in seeds]).any()
    return wrong / repeats


DIGITS = {"num_images": 360, "level": 3.6, "seed_sd": 0.15}  # 97.7 %; seeds vary by 0.4, images by 0.8 points
NOISY = {"num_images": 360, "level": 3.6, "seed_sd": 0.3}  # seeds vary more than images do
LARGE = {"num_images": 2000, "level": 2.0, "seed_sd": 0.1}  # 86.6 %; seeds vary three times as much as images
STEADY = {"num_images": 2000, "level": 2.0, "seed_sd": 0.01}


def test_coverage_and_false_separations_of_a_common_case():
    assert 0.93 <= coverage(DIGITS, 3, 400) <= 0.98
    assert false_separations(DIGITS, (3, 3), 400) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [2, 3, 5, 10])
@pytest.mark.parametrize("settings", [DIGITS, NOISY, LARGE, STEADY], ids=["digits", "noisy", "large", "steady"])
def test_intervals_cover_the_truth_in_93_to_97_of_100_cases(settings, num_seeds):
    # 2,000 repeats leave a standard error of half a point.
    assert 0.93 - 0.01 <= coverage(settings, num_seeds, 2000) <= 0.97 + 0.01


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [(2, 2), (3, 3), (5, 5), (1, 5), (2, 5), (3, 10), (3, 3, 3, 3, 3)], ids=str)
@pytest.mark.parametrize("settings", [DIGITS, NOISY, LARGE, STEADY], ids=["digits", "noisy", "large", "steady"])
def test_equal_models_are_told_apart_in_at_most_5_of_100_cases(settings, seeds):
    assert false_separations(settings, seeds, 1000) <= 0.05 + 0.007


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


def test_equal_models_whose_seeds_vary_unequally_are_rarely_told_apart():
    assert unequal_false_separations(UNEQUAL["ladder"], 2, 200) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [2, 3, 5])
@pytest.mark.parametrize("seed_sds", UNEQUAL.values(), ids=UNEQUAL)
def test_equal_models_whose_seeds_vary_unequally_are_told_apart_in_at_most_5_of_100_cases(seed_sds, num_seeds):
    assert unequal_false_separations(seed_sds, num_seeds, 1000) <= 0.05 + 0.007


def test_three_seeds_and_five_rows_tell_a_poor_model_from_good_ones():
    """Four networks of 96.8 to 99 % and a linear model of 95.4 % on 898 images: what the default bench has."""
    rng = np.random.default_rng(8)
    found = 0
    for _ in range(60):
        shared = rng.normal(0, 1.42, 898)
        samples = []
        for accuracy, seed_sd in ((0.954, 0.03), (0.968, 0.25), (0.978, 0.2), (0.981, 0.2), (0.990, 0.2)):
            level = stats.norm.ppf(accuracy) * (1 + seed_sd**2 + 1.5**2) ** 0.5
            ease = level + shared + rng.normal(0, 0.47, 898) + rng.normal(0, seed_sd, (3, 1))
            samples.append(Sample.of((ease + rng.normal(0, 1, (3, 898)) > 0).astype(float)))
        found += separated(samples)[1:, 0].sum()
    assert found / (60 * 4) > 0.3  # 0.2 with each row's seeds for themselves


@pytest.mark.slow
def test_with_one_seed_each_two_equal_networks_are_told_apart_in_at_most_5_of_100_cases():
    """Networks, not architectures: no seed effect, for one seed cannot speak of others."""
    assert false_separations({**DIGITS, "seed_sd": 0.0}, (1, 1), 1000) <= 0.05
    assert 0.93 <= coverage({**LARGE, "seed_sd": 0.0}, 1, 2000) <= 0.97


def test_one_seed_has_wilsons_interval():
    correct = np.array([[1.0] * 90 + [0.0] * 10])
    interval = mean_interval(Sample.of(correct))
    # Wilson with the t quantile of 99 degrees of freedom and the unbiased variance: close to the plain one.
    expected = stats.binomtest(90, 100).proportion_ci(method="wilson")
    assert interval.low == pytest.approx(expected.low, abs=0.003)
    assert interval.high == pytest.approx(expected.high, abs=0.003)
    assert interval.num_seeds == 1


def test_all_right_is_an_interval_below_one_and_not_a_point():
    interval = mean_interval(Sample.of(np.ones((3, 300))))
    assert 0.97 < interval.low < 0.99
    assert interval.high == 1.0


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (3, 1), (2, 2)])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_the_smallest_samples_have_finite_intervals_that_hold_the_mean(shape, value):
    interval = mean_interval(Sample.of(np.full(shape, value)))
    assert 0.0 <= interval.low <= value + 1e-12
    assert value - 1e-12 <= interval.high <= 1.0


def test_the_interval_counts_seeds_and_images():
    rng = np.random.default_rng(0)
    steady = World(rng, **STEADY).draw(3)
    seeds_vary = World(rng, **{**STEADY, "seed_sd": 0.2}).draw(3)
    fewer_images = World(rng, **{**STEADY, "num_images": 100}).draw(3)
    widths = [each.high - each.low for each in map(mean_interval, (steady, seeds_vary, fewer_images))]
    assert widths[1] > 2 * widths[0]
    assert widths[2] > 2 * widths[0]


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


def test_one_row_that_diverged_hides_nothing_of_the_rest():
    rng = np.random.default_rng(4)
    steady = [Sample.of((rng.random((3, 5000)) < level).astype(float)) for level in (0.9, 0.86, 0.82, 0.78)]
    wild = Sample.of((rng.random((3, 5000)) < np.array([[0.1], [0.5], [0.9]])).astype(float))
    assert separated(steady).sum() == 6
    assert separated([*steady, wild])[:4, :4].sum() == 6


def test_holm_agrees_with_a_case_worked_by_hand():
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]


def test_rank_ranges_count_who_is_surely_above_and_below():
    above = np.zeros((4, 4), dtype=bool)
    above[0, 1:] = True  # one clear winner, three that cannot be told apart
    assert rank_ranges(above) == [(1, 1), (2, 4), (2, 4), (2, 4)]
    assert rank_ranges(np.zeros((0, 0), dtype=bool)) == []


def test_what_is_above_is_passed_on_so_that_ranges_never_contradict_each_other():
    rng = np.random.default_rng(1)
    for _ in range(20):
        levels = rng.normal(2.0, 0.4, 6)
        samples = [
            World(np.random.default_rng(rng.integers(2**31)), num_images=200, level=level, seed_sd=0.2).draw(3)
            for level in levels
        ]
        above = separated(samples)
        assert not (above & above.T).any()
        assert (above @ above <= above).all()
        ranges = rank_ranges(above)
        for i, j in np.argwhere(above):
            assert ranges[i][0] < ranges[j][0]
            assert ranges[i][1] < ranges[j][1]


def test_one_row_is_first_and_only_the_mean_decides_which_of_two_is_above():
    rng = np.random.default_rng(0)
    sample = World(rng, **DIGITS).draw(3)
    assert rank_ranges(separated([sample])) == [(1, 1)]
    good, bad = np.ones((3, 300)), np.zeros((3, 300))
    assert separated([Sample.of(bad), Sample.of(good)]).tolist() == [[False, False], [True, False]]
