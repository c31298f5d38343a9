"""Comparison: the correctness of rows image by image, and what differences and their intervals are computed from."""

from __future__ import annotations

import base64
import math
from dataclasses import replace

import numpy as np
import pytest

from harness.records.predictions import load_predictions, save_predictions
from harness.system.atomic_files import sha256_of
from reports.comparison.explanation import pairs_of
from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.separations import is_tied
from reports.site import comparison
from reports.site.comparison import comparison_data, packed
from reports.site.entries import entries_of
from reports.statistics.sample import Sample
from reports.trials.evidence import read_evidence


def compared(trials, **options):
    entries = entries_of(build_leaderboard(trials), trials)
    evidence = {entry.id: read_evidence(entry.done) for entry in entries}
    return comparison_data(entries, evidence, lambda sample: None, **options), evidence


def unpacked(row, num_images):
    """Return the share of seeds that are right on each image, as the page does."""
    width = row["seeds"].bit_length()
    bits = np.unpackbits(np.frombuffer(base64.urlsafe_b64decode(row["right"]), dtype=np.uint8))
    counts = bits[: num_images * width].reshape(num_images, width) @ (1 << np.arange(width - 1, -1, -1))
    return counts / row["seeds"]


@pytest.mark.parametrize("num_seeds", [1, 2, 3, 4, 7, 40])
def test_counts_of_right_seeds_are_packed_in_as_few_bits_as_they_need(num_seeds):
    correct = np.random.default_rng(0).integers(0, 2, size=(num_seeds, 101)).astype(float)
    text = packed(correct)
    assert unpacked({"seeds": num_seeds, "right": text}, 101).tolist() == pytest.approx(correct.mean(axis=0).tolist())
    assert len(text) <= 4 * math.ceil(math.ceil(101 * num_seeds.bit_length() / 8) / 3)


def test_a_row_has_its_correctness_and_its_place(make_trials):
    data, _ = compared([*make_trials("a", accuracy=0.9), *make_trials("b", accuracy=0.5)])
    first, second = data["rows"]
    assert (first["label"], first["seeds"], first["place"], second["place"]) == ("a", 3, 0, 1)
    assert unpacked(first, 400).mean() == pytest.approx(0.9)
    assert unpacked(second, 400).mean() == pytest.approx(0.5)
    assert (first["tied"], second["tied"]) == (((0, 0),), ((1, 1),))
    assert data["images"] == []


def test_intervals_follow_from_the_page_s_data_as_from_the_predictions(make_trials):
    data, evidence = compared(
        [
            *make_trials("a", accuracy=0.9),
            *make_trials("b", accuracy=0.88),
            *make_trials("c", accuracy=0.7, seeds=2),
            *make_trials("d", accuracy=0.69, seeds=1),
        ]
    )
    rows = data["rows"]
    samples = [Sample.of(evidence[row["id"]].correct_SN) for row in rows]
    for pair in pairs_of(samples):
        low, high = interval(rows[pair.first], rows[pair.second], data["quantiles"])
        assert low == pytest.approx(pair.low, abs=2e-4)
        assert high == pytest.approx(pair.high, abs=2e-4)
        tied = is_tied(rows[pair.first]["tied"], rows[pair.second]["place"])
        assert tied is not pair.is_separated


def with_folds(trial, num_folds, deal):
    """Give a trial the folds of a deal, as if it were pooled from them."""
    folder, record = trial
    saved = load_predictions(folder)
    folds_N = np.random.default_rng(deal).permutation(np.arange(len(saved.samples)) % num_folds)
    path = save_predictions(folder, replace(saved, folds=folds_N[np.argsort(np.argsort(saved.samples))]))
    return folder, record.model_copy(update={"files": {path.name: sha256_of(path)}})


def test_intervals_of_repeated_folds_are_those_of_the_tests_too(make_trials):
    trials = []
    for model, accuracy, first_deal in (("a", 0.9, 0), ("b", 0.88, 0), ("c", 0.7, 10)):
        for deal, trial in enumerate(make_trials(model, accuracy=accuracy)):
            trials.append(with_folds(trial, 4, first_deal + deal))
    trials.append(with_folds(make_trials("d", accuracy=0.69, seeds=1)[0], 4, 0))
    data, evidence = compared(trials)
    rows = data["rows"]
    assert [row["folds"]["deal"] for row in rows] == [0, 0, 1, -1]
    assert [row["folds"]["freedom"] for row in rows] == [11.0, 11.0, 11.0, None]
    samples = [Sample.of(evidence[row["id"]].correct_SN, evidence[row["id"]].folds_SN) for row in rows]
    for pair in pairs_of(samples):
        low, high = interval(rows[pair.first], rows[pair.second], data["quantiles"])
        assert low == pytest.approx(pair.low, abs=2e-4)
        assert high == pytest.approx(pair.high, abs=2e-4)
        without = interval(*({**rows[place], "folds": None} for place in (pair.first, pair.second)), data["quantiles"])
        assert without != pytest.approx((low, high), abs=2e-4)


def of_folds(one, other):
    """Return the variance of a difference and its degrees of freedom by the steps of assets/compare.js."""
    freedom = min(each["freedom"] or math.inf for each in (one, other))
    if one["deal"] != other["deal"]:
        return one["alone"] + other["alone"], freedom
    squares = sum((left - right) ** 2 for left, right in zip(one["scores"], other["scores"], strict=True))
    return one["factor"] * squares / (len(one["scores"]) - 1), freedom


def interval(one, other, quantiles):
    """Return the interval of a difference by the steps of assets/compare.js."""
    gaps = unpacked(one, 400) - unpacked(other, 400)
    squares, fourth = (gaps**2).sum(), (gaps**4).sum()
    (left, left_freedom, left_spread), (right, right_freedom, right_spread) = one["variance"], other["variance"]
    borrows = (one["seeds"] == 1) != (other["seeds"] == 1)
    left = right_spread if borrows and one["seeds"] == 1 else left
    right = left_spread if borrows and other["seeds"] == 1 else right
    total = left + right
    freedom = total**2 / (left**2 / left_freedom + right**2 / right_freedom) if total else 1
    freedom = max(one["seeds"], other["seeds"]) - 1 if borrows else max(freedom, 1)

    def quantile(degrees):
        degrees = math.floor(degrees + 1e-9)
        if degrees <= len(quantiles):
            return quantiles[degrees - 1]
        z = 1.959963984540054
        return (
            z
            + (z**3 + z) / (4 * degrees)
            + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
            + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * degrees**3)
        )

    of_images = min(max(squares**2 / fourth, 1), 399)
    if one["folds"]:
        variance, freedom = of_folds(one["folds"], other["folds"])
        width = math.sqrt(variance) * quantile(freedom)
        return gaps.mean() - width, gaps.mean() + width
    width = math.sqrt(squares / 400**2 * quantile(of_images) ** 2 + total * quantile(freedom) ** 2)
    return gaps.mean() - width, gaps.mean() + width


def test_the_page_s_series_continues_the_quantiles(make_trials):
    from scipy import stats

    data, _ = compared(make_trials("a"))
    assert data["quantiles"] == pytest.approx(stats.t.ppf(0.975, range(1, comparison.NUM_QUANTILES + 1)), abs=1e-6)


def test_a_row_without_predictions_is_left_out_by_name(make_trials, make_trial):
    data, _ = compared([*make_trials("a"), *make_trials("b"), make_trial("blind", predictions=False)])
    assert [row["label"] for row in data["rows"]] == ["a", "b"]
    assert [row["label"] for row in data["left_out"]] == ["blind"]


def test_more_than_a_hundred_rows_can_be_compared(make_trial):
    data, _ = compared([make_trial(f"net{index}", accuracy=0.5 + 0.003 * index) for index in range(120)])
    assert (len(data["rows"]), data["left_out"]) == (120, [])


def test_rows_beyond_the_room_of_the_page_are_left_out_by_name(make_trials, monkeypatch):
    monkeypatch.setattr(comparison, "MAX_CHARACTERS", 3 * 400 * 2 // 6)
    data, _ = compared([each for index in range(5) for each in make_trials(f"net{index}", accuracy=0.9 - 0.1 * index)])
    assert [row["label"] for row in data["rows"]] == ["net0", "net1", "net2"]
    assert [row["label"] for row in data["left_out"]] == ["net3", "net4"]


def test_where_ranks_are_of_another_metric_accuracies_are_tested_by_themselves(make_trials):
    trials = [*make_trials("a", accuracy=0.9), *make_trials("b", accuracy=0.5)]
    entries = entries_of(build_leaderboard(trials), trials)
    # The ranks of the table would have the two tied.
    table = replace(entries[0].table, tied=(((0, 1),), ((0, 1),)))
    entries = [replace(entry, table=table) for entry in entries]
    evidence = {entry.id: read_evidence(entry.done) for entry in entries}
    other = comparison_data(entries, evidence, lambda sample: None, ranks_are_of_accuracy=False)
    assert [row["tied"] for row in other["rows"]] == [((0, 0),), ((1, 1),)]
    same = comparison_data(entries, evidence, lambda sample: None)
    assert [row["tied"] for row in same["rows"]] == [((0, 1),), ((0, 1),)]


def test_without_any_predictions_there_is_nothing_to_compare(make_trial):
    data, _ = compared([make_trial(predictions=False)])
    assert (data["rows"], [row["label"] for row in data["left_out"]]) == ([], ["net"])


def test_settings_in_which_rows_differ_are_named(make_trials):
    data, _ = compared(
        [
            *make_trials("a", accuracy=0.9, hyperparameters={"epochs": 5}),
            *make_trials("b", accuracy=0.5, seeds=2, hyperparameters={"epochs": 1}, options={"width": 2}),
        ]
    )
    assert data["settings"] == {"model.width": ["", "2"], "recipe.epochs": ["5", "1"], "seeds": ["3", "2"]}
