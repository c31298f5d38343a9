"""The lowest of several accuracies: its interval allows for which slice it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import ttest_ind

from reports.statistics import lowest
from reports.statistics.intervals import mean_interval
from reports.statistics.lowest import _across, _Slice, lowest_interval, separated_by_lowest
from reports.statistics.paired_tests import Pairing
from reports.statistics.ranks import separated
from reports.statistics.sample import Sample


def slices_of(rng: np.random.Generator, truths: list[float], sizes: list[int], *, num_seeds: int) -> list[Sample]:
    """Draw a row on slices of the given true accuracies, whose images are hard for all seeds to some extent."""
    seed_S, samples = 0.1 * rng.normal(size=(num_seeds, 1)), []
    for truth, size in zip(truths, sizes, strict=True):
        latent_SN = seed_S + rng.normal(size=size) + 0.7 * rng.normal(size=(num_seeds, size))
        samples.append(Sample.of((latent_SN < ndtri(truth) * np.sqrt(0.1**2 + 1 + 0.7**2)).astype(float)))
    return samples


def coverage(truths: list[float], sizes: list[int], *, num_seeds: int, repeats: int) -> tuple[float, float]:
    """Return how often the lowest truth is in the interval, and in that of the slice which happens to be lowest."""
    rng = np.random.default_rng(len(sizes))
    hits = []
    for _ in range(repeats):
        samples = slices_of(rng, truths, sizes, num_seeds=num_seeds)
        plain = mean_interval(min(samples, key=lambda sample: sample.mean))
        allowed = lowest_interval(samples)
        hits.append([each.low <= min(truths) <= each.high for each in (allowed, plain)])
    allowed_share, plain_share = np.mean(hits, axis=0)
    return float(allowed_share), float(plain_share)


def test_the_lowest_of_ten_equal_slices_is_covered_and_its_plain_interval_misses():
    allowed, plain = coverage([0.85] * 10, [60] * 10, num_seeds=3, repeats=120)
    assert allowed >= 0.93 - 0.04
    assert plain < allowed - 0.05


@pytest.mark.slow
@pytest.mark.parametrize("num_slices", [2, 5, 10])
@pytest.mark.parametrize("gap", [0.0, 0.05, 0.15])
@pytest.mark.parametrize("smallest", [150, 30])
def test_the_lowest_truth_is_covered_in_93_or_more_of_100_cases(num_slices, gap, smallest):
    sizes = np.linspace(smallest, 300 - smallest, num_slices).astype(int).tolist()
    allowed, _ = coverage([0.85 - gap, *[0.85] * (num_slices - 1)], sizes, num_seeds=3, repeats=1000)
    assert allowed >= 0.93 - 0.016


def rows_of(
    rng: np.random.Generator, truths: Sequence[Sequence[float]], sizes: Sequence[int], *, num_seeds: int
) -> list[list[Sample]]:
    """Draw rows of the given true accuracies on slices, whose images are hard for all rows to some extent."""
    seeds_RS1 = 0.1 * rng.normal(size=(len(truths), num_seeds, 1))
    rows: list[list[Sample]] = [[] for _ in truths]
    for place, size in enumerate(sizes):
        image_N = rng.normal(size=size)
        for row, truth in enumerate(truths):
            latent_SN = seeds_RS1[row] + image_N + 0.7 * rng.normal(size=(num_seeds, size))
            limit = ndtri(truth[place]) * np.sqrt(0.1**2 + 1 + 0.7**2)
            rows[row].append(Sample.of((latent_SN < limit).astype(float)))
    return rows


def share_separated(
    truths: Sequence[Sequence[float]], sizes: Sequence[int], *, num_seeds: int, repeats: int, seed: int = 0
) -> float:
    """Return how often a test separates any rows."""
    rng = np.random.default_rng(seed)
    drawn = (rows_of(rng, truths, sizes, num_seeds=num_seeds) for _ in range(repeats))
    return float(np.mean([separated_by_lowest(rows).any() for rows in drawn]))


def equal_rows(case: str, num_slices: int) -> list[list[float]]:
    """Return the true accuracies of rows whose lowest are equal."""
    high = [0.95] * num_slices
    low = [[*high[:place], 0.8, *high[place + 1 :]] for place in range(num_slices)]
    return {
        "all slices equal": [[0.85] * num_slices] * 2,
        "the same slice is low": [low[0], low[0]],
        "another slice is low": [low[0], low[1]],
        "one slice or all are low": [low[0], [0.8] * num_slices],
        "four rows": [low[0], low[0], low[1], [0.8] * num_slices],
    }[case]


CASES = ("all slices equal", "the same slice is low", "another slice is low", "one slice or all are low", "four rows")


@pytest.mark.parametrize("case", CASES)
def test_rows_of_equal_lowest_accuracy_are_rarely_separated(case):
    share = share_separated(equal_rows(case, 3), [200, 60, 30], num_seeds=2, repeats=100)
    assert share <= 0.05 + 2 * 0.022


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [1, 2, 5])
@pytest.mark.parametrize("num_slices", [2, 5])
@pytest.mark.parametrize("case", CASES)
def test_rows_of_equal_lowest_accuracy_are_separated_in_at_most_5_of_100_sets(case, num_slices, num_seeds):
    sizes = np.linspace(30, 300, num_slices).astype(int).tolist()
    share = share_separated(equal_rows(case, num_slices), sizes, num_seeds=num_seeds, repeats=400, seed=1)
    assert share <= 0.05 + 2 * 0.011


def test_a_row_that_is_better_on_its_worst_slice_is_found():
    better, worse = [0.9, 0.95, 0.95], [0.6, 0.95, 0.95]
    rng = np.random.default_rng(3)
    found = [separated_by_lowest(rows_of(rng, [better, worse], [150] * 3, num_seeds=3)) for _ in range(40)]
    assert np.mean([above[0, 1] for above in found]) > 0.8
    assert not any(above[1, 0] for above in found)


def test_with_one_slice_the_tests_are_those_of_accuracy():
    rng = np.random.default_rng(4)
    for num_seeds in (1, 3):
        truths = [[0.9], [0.8], [0.85], [0.6]]
        rows = rows_of(rng, truths, [400], num_seeds=num_seeds)
        np.testing.assert_array_equal(separated_by_lowest(rows), separated([sample for (sample,) in rows]))


def test_slices_without_common_images_are_compared_as_by_welchs_test():
    rng = np.random.default_rng(5)
    (first,), (second,) = (rows_of(rng, [[truth]], [size], num_seeds=1) for truth, size in ((0.8, 500), (0.74, 400)))
    one, other = (_Slice([row[0], row[0]], Pairing([row[0], row[0]])) for row in (first, second))
    place = np.array([0])
    (found,) = _across(one, place, other, place)
    expected = ttest_ind(first[0].image_means_N, second[0].image_means_N, equal_var=False).pvalue
    assert found == pytest.approx(expected, rel=0.2)  # degrees of freedom are rounded down
    assert _across(other, place, one, place) == 1.0, "the other way round"


def test_a_slice_without_an_error_is_not_taken_to_be_perfect():
    perfect, few_wrong = (Sample.of(np.array([[1.0] * (30 - wrong) + [0.0] * wrong])) for wrong in (0, 3))
    one, other = (_Slice([sample, sample], Pairing([sample, sample])) for sample in (perfect, few_wrong))
    (found,) = _across(one, np.array([0]), other, np.array([0]))
    assert 0.05 < found < 0.3  # Fisher's exact test: 0.24


def test_blocks_of_rows_change_nothing(monkeypatch):
    rng = np.random.default_rng(6)
    truths = [[truth, 0.9] for truth in (0.9, 0.7, 0.85, 0.5, 0.6)]
    rows = rows_of(rng, truths, [400, 200], num_seeds=1)
    whole = separated_by_lowest(rows)
    monkeypatch.setattr(lowest, "_BLOCK", 2)
    np.testing.assert_array_equal(separated_by_lowest(rows), whole)
    assert whole.any()
    assert separated_by_lowest(rows[:1]).tolist() == [[False]]


def test_one_slice_has_its_own_interval():
    (sample,) = slices_of(np.random.default_rng(0), [0.8], [200], num_seeds=3)
    assert lowest_interval([sample]) == mean_interval(sample)


def test_the_interval_holds_the_estimate_and_grows_with_the_number_of_equal_slices():
    rng = np.random.default_rng(1)
    samples = slices_of(rng, [0.8] * 6, [100] * 6, num_seeds=2)
    lowest = min(sample.mean for sample in samples)
    found = lowest_interval(samples)
    assert found.low <= lowest <= found.high
    assert lowest_interval(samples).low == min(mean_interval(sample).low for sample in samples)
    assert mean_interval(samples[0], alpha=0.01).high > mean_interval(samples[0]).high


def rivals(truths: list[float], sizes: list[float], *, repeats: int = 4000, resamples: int = 300) -> dict[str, float]:
    """Return how often other intervals cover the lowest truth, with normal estimates of known standard errors."""
    rng = np.random.default_rng(0)
    expected_K = np.array(truths)
    error_K = np.sqrt(expected_K * (1 - expected_K) / np.array(sizes))
    found_RK = expected_K + error_K * rng.normal(size=(repeats, len(truths)))
    lowest_R, error_R = found_RK.min(axis=1), error_K[found_RK.argmin(axis=1)]
    drawn = [(found_RK + error_K * rng.normal(size=found_RK.shape)).min(axis=1) for _ in range(resamples)]
    low_R, high_R = np.quantile(drawn, [0.025, 0.975], axis=0)
    half, shared = (-ndtri(level / 2) * error_K for level in (0.05, 0.05 / len(truths)))
    ends = {
        "plain": (lowest_R + ndtri(0.025) * error_R, lowest_R + ndtri(0.975) * error_R),
        "bootstrap": (low_R, high_R),
        "reflected": (2 * lowest_R - high_R, 2 * lowest_R - low_R),
        "intersection": ((found_RK - half).min(axis=1), (found_RK + shared).min(axis=1)),
    }
    truth = min(truths)
    return {name: float(np.mean((low <= truth) & (truth <= high))) for name, (low, high) in ends.items()}


def test_a_bootstrap_of_the_lowest_of_equal_slices_nearly_never_covers_it():
    covered = rivals([0.85] * 10, [150] * 10, repeats=600, resamples=100)
    assert covered["bootstrap"] < 0.05
    assert covered["reflected"] < 0.9
    assert covered["plain"] < 0.85
    assert covered["intersection"] >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("num_slices", [2, 5, 10])
@pytest.mark.parametrize("gap", [0.0, 0.05, 0.15])
@pytest.mark.parametrize("smallest", [150, 30])
def test_only_the_intersection_covers_wherever_the_truth_lies(num_slices, gap, smallest):
    sizes = np.linspace(smallest, 300 - smallest if smallest == 150 else 300, num_slices).tolist()
    covered = rivals([0.85 - gap, *[0.85] * (num_slices - 1)], sizes)
    assert 0.95 <= covered["intersection"] <= 1.0
    assert min(covered[name] for name in ("plain", "bootstrap", "reflected")) < 0.95
