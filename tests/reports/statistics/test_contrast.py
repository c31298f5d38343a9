"""Tests of changes: calibration on predictions with known truth, and cases with a known answer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

from reports.statistics.contrast import Contrast
from reports.statistics.multiplicity import holm
from reports.statistics.sample import Sample

from .test_repeated_folds import Learner, deals, worlds


class Versions:
    """Correctness of one network on two versions: crossed effects of seeds and images, shared to a chosen degree."""

    def __init__(self, rng, *, num_images, level, seed_sd, image_sd=1.5):
        self.rng, self.num_images, self.level, self.seed_sd, self.image_sd = rng, num_images, level, seed_sd, image_sd

    def draw(self, num_seeds: int, *, own: float, drop: float = 0.0, more_seeds: int = 0):
        """Return two ``[S, N]``; *own* is the share of seeds' and images' variance that each version has of its own."""
        spread = (1 + self.seed_sd**2 + self.image_sd**2) ** 0.5
        lower = stats.norm.ppf(stats.norm.cdf(self.level / spread) - drop) * spread
        image_N = self.rng.normal(0, self.image_sd, self.num_images)
        seed_S1, rest_SN = self._effects(num_seeds)
        correct = []
        for level, num_own in ((self.level, num_seeds), (lower, num_seeds + more_seeds)):
            own_seed_S1, own_rest_SN = self._effects(num_own)
            if more_seeds == 0:
                own_seed_S1 = (1 - own) ** 0.5 * seed_S1 + own**0.5 * own_seed_S1
                own_rest_SN = (1 - own) ** 0.5 * rest_SN + own**0.5 * own_rest_SN
            correct.append((level + image_N + own_seed_S1 + own_rest_SN > 0).astype(float))
        return correct

    def _effects(self, num_seeds):
        return (
            self.rng.normal(0, self.seed_sd, (num_seeds, 1)),
            self.rng.normal(0, 1, (num_seeds, self.num_images)),
        )


SETTINGS = {
    "digits": {"num_images": 900, "level": 3.6, "seed_sd": 0.15},
    "large": {"num_images": 2000, "level": 2.0, "seed_sd": 0.1},  # seeds vary three times as much as images
    "steady": {"num_images": 2000, "level": 2.0, "seed_sd": 0.01},
}


OWN = {"unlike": 1.0, "alike": 0.1, "nearly the same": 0.001}


def false_findings(settings: dict[str, Any], repeats: int, *, drop: float = 0.0, **draw: Any) -> float:
    """Return in which share of sets of five cells a test finds what is not there: a change, or equivalence."""
    rng = np.random.default_rng(11)
    if draw["num_seeds"] == 1:  # one seed speaks of two networks, and those have no seeds
        settings = {**settings, "seed_sd": 0.0}
    wrong = 0
    for _ in range(repeats):
        p_values = []
        for _ in range(5):
            arrays = Versions(rng, **settings).draw(drop=drop, **draw)
            is_paired = draw["num_seeds"] > 1 and not draw.get("more_seeds")
            contrast = Contrast.of(*arrays, is_paired_by_seed=is_paired)
            p_values.append(contrast.p_not_equivalent(drop) if drop else contrast.p_value())
        wrong += holm(np.array(p_values)).min() < 0.05
    return wrong / repeats


def one_seed(num_images: int, only_first: int, only_second: int) -> Contrast:
    first, second = np.ones((1, num_images)), np.ones((1, num_images))
    second[0, :only_first] = 0
    first[0, only_first : only_first + only_second] = 0
    return Contrast.of(first, second, is_paired_by_seed=False)


def tango(num_images: int, only_first: int, only_second: int, sign: int) -> float:
    """Return an end of the score interval, from the closed form of Tango (1998)."""
    b, c, n = only_second, only_first, num_images

    def excess(delta: float) -> float:
        linear = -b - c + (2 * n - b + c) * delta
        q = (math.sqrt(linear**2 + 8 * n * c * delta * (1 - delta)) - linear) / (4 * n)
        variance = n * (2 * q + delta * (1 - delta))
        return (b - c - n * delta) ** 2 - 1.959964**2 * variance

    observed = (b - c) / n
    return optimize.brentq(excess, observed + sign * 1e-9, sign * 0.5)


@pytest.mark.parametrize(("own", "num_seeds"), [("unlike", 3), ("alike", 2), ("nearly the same", 1)])
def test_of_five_equal_cells_hardly_ever_one_is_called_different(own, num_seeds):
    assert false_findings(SETTINGS["large"], 100, num_seeds=num_seeds, own=OWN[own]) <= 0.05


def test_cells_that_lost_a_whole_margin_are_hardly_ever_called_equivalent():
    assert false_findings(SETTINGS["steady"], 100, drop=0.01, num_seeds=3, own=OWN["nearly the same"]) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [1, 2, 3, 5])
@pytest.mark.parametrize("own", OWN.values(), ids=OWN)
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_of_five_equal_cells_one_is_called_different_in_at_most_5_of_100_sets(settings, own, num_seeds):
    # 600 sets leave a standard error of 0.9 points.
    assert false_findings(settings, 600, num_seeds=num_seeds, own=own) <= 0.05 + 0.009


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [1, 2, 3, 5])
@pytest.mark.parametrize("own", OWN.values(), ids=OWN)
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_of_five_cells_that_lost_the_margin_one_is_called_equivalent_in_at_most_5_of_100_sets(settings, own, num_seeds):
    assert false_findings(settings, 600, drop=0.01, num_seeds=num_seeds, own=own) <= 0.05 + 0.009


@pytest.mark.slow
@pytest.mark.parametrize(("num_seeds", "more_seeds"), [(1, 4), (2, 3), (3, 7)])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_other_seeds_on_each_side_are_called_different_in_at_most_5_of_100_sets(settings, num_seeds, more_seeds):
    found = false_findings(settings, 600, num_seeds=num_seeds, more_seeds=more_seeds, own=1.0)
    assert found <= 0.05 + 0.009


@pytest.mark.parametrize("own", [0.1, 0.001])
def test_intervals_cover_the_change_at_least_93_times_in_100(own):
    rng = np.random.default_rng(12)
    hits = 0
    for _ in range(300):
        contrast = Contrast.of(*Versions(rng, **SETTINGS["large"]).draw(3, own=own, drop=0.01), is_paired_by_seed=True)
        low, high = contrast.interval()
        hits += low <= -0.01 <= high
    assert hits / 300 >= 0.93


def test_repeated_folds_have_the_variance_of_nadeau_and_bengio_fold_by_fold():
    rng = np.random.default_rng(3)
    labels_N = np.arange(80) % 2
    folds_SN = deals(rng, labels_N, folds=4, repeats=2)
    first_SN, second_SN = ((rng.random((2, 80)) < share).astype(float) for share in (0.9, 0.7))
    contrast = Contrast.of(first_SN, second_SN, is_paired_by_seed=True, folds=(folds_SN, folds_SN))
    gaps_SN = second_SN - first_SN
    gaps_J = np.array(
        [gaps_N[folds_N == fold].mean() for gaps_N, folds_N in zip(gaps_SN, folds_SN) for fold in range(4)]
    )
    variance = (1 / 8 + 1 / 3) * gaps_J.var(ddof=1)
    assert (contrast.image_variance, contrast.seed_freedom) == (0.0, 7.0)
    assert contrast.seed_variance == pytest.approx(variance)
    expected = 2 * stats.t.sf(abs(gaps_J.mean()) / variance**0.5, df=7)
    assert expected <= contrast.p_value() < 1.5 * expected  # a change this large makes some more images disagree
    others_SN = deals(rng, labels_N, folds=4, repeats=2)
    unpaired = Contrast.of(first_SN, second_SN, is_paired_by_seed=False, folds=(folds_SN, others_SN))
    alone = [Sample.of(*each).fold_scores for each in ((first_SN, folds_SN), (second_SN, others_SN))]
    assert unpaired.seed_variance == pytest.approx(sum(each.variance for each in alone))
    one_deal = Contrast.of(first_SN, second_SN, is_paired_by_seed=True, folds=(folds_SN[[0, 0]], folds_SN[[0, 0]]))
    assert one_deal == Contrast.of(first_SN, second_SN, is_paired_by_seed=True), (
        "the same folds again are no repetition"
    )


def test_equal_learners_on_repeated_folds_are_called_different_in_at_most_5_of_100_cells():
    found = []
    for rng, images, folds_SN in worlds(Learner(noise=0.3), folds=5, repeats=3, count=150, seed=2):
        arrays = [Learner(noise=0.3).tested(rng, images, folds_SN)[0] for _ in range(2)]
        contrast = Contrast.of(*arrays, is_paired_by_seed=True, folds=(folds_SN, folds_SN))
        found.append(contrast.p_value() < 0.05)
    assert np.mean(found) <= 0.05 + 0.035


def test_one_seed_each_meets_mcnemars_exact_test():
    contrast = one_seed(100, 12, 3)
    assert contrast.change == pytest.approx(-0.09)
    assert contrast.p_value() == pytest.approx(stats.binomtest(3, 15).pvalue)


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 0), (5, 5), (20, 20), (15, 40)])
def test_with_one_seed_the_interval_is_near_tangos(only_first, only_second):
    low, high = one_seed(1000, only_first, only_second).interval()
    assert high == pytest.approx(tango(1000, only_first, only_second, 1), abs=0.0016)
    if (only_first, only_second) != (15, 40):
        assert low == pytest.approx(-high)


def test_images_that_all_agree_show_equivalence_only_where_there_are_enough_of_them():
    few, many = one_seed(100, 0, 0), one_seed(1000, 0, 0)
    assert few.p_value() == many.p_value() == 1.0
    assert few.p_not_equivalent(0.01) > 0.1
    assert many.p_not_equivalent(0.01) < 0.01
    assert many.interval() == pytest.approx((-0.0038, 0.0038), abs=1e-4)


def test_the_interval_excludes_zero_where_the_p_value_is_below_5_percent():
    rng = np.random.default_rng(13)
    for _ in range(100):
        drop = rng.uniform(0, 0.05)
        arrays = Versions(rng, **SETTINGS["large"]).draw(3, own=0.1, drop=drop)
        contrast = Contrast.of(*arrays, is_paired_by_seed=True)
        low, high = contrast.interval()
        assert low <= contrast.change <= high
        assert (low > 0 or high < 0) == (contrast.p_value() < 0.05)


@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (1, 2), (3, 2)])
@pytest.mark.parametrize("values", [(0, 0), (0, 1), (1, 0)])
def test_the_smallest_samples_have_finite_answers_and_show_nothing(shape, values):
    contrast = Contrast.of(*(np.full(shape, float(value)) for value in values), is_paired_by_seed=shape[0] > 1)
    low, high = contrast.interval()
    assert -1 <= low <= contrast.change <= high <= 1
    assert 0.05 < contrast.p_value() <= 1
    assert 0.05 < contrast.p_not_equivalent(0.01) <= 1


@pytest.mark.parametrize("num_seeds", [1, 2, 3, 5])
def test_the_interval_of_a_gain_covers_the_true_one_in_95_of_100_cases_or_more(num_seeds: int) -> None:
    """Two rows that share seeds and images, as a tuned row and its default; a gain varies with the seed.

    With few seeds it covers more: nothing is subtracted from the variance of the seeds (see the module).
    """
    draws = np.random.default_rng(num_seeds)
    hits, rounds = 0, 400
    for _ in range(rounds):
        gain_S1 = 0.05 + (draws.normal(0, 0.03, (num_seeds, 1)) if num_seeds > 1 else 0)
        base_1N = draws.beta(4, 2, (1, 200)) * 0.9
        better_SN = draws.random((num_seeds, 200)) < base_1N + gain_S1
        base_SN = draws.random((num_seeds, 200)) < base_1N
        contrast = Contrast.of(base_SN.astype(float), better_SN.astype(float), is_paired_by_seed=True)
        low, high = contrast.interval()
        hits += low <= 0.05 <= high
    assert hits / rounds >= 0.93
    assert low < contrast.change < high
