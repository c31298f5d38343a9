"""Explanations on cases with known answers: who is first how often, and which pairs are separated."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.records.record import FailureKind, Outcome
from reports.comparison.explanation import explain, first_shares
from reports.leaderboard.building import build_leaderboard


def explained(trials):
    (explanation,) = explain(build_leaderboard(trials), trials)
    return explanation


def test_rows_that_are_alike_are_first_equally_often_and_a_clear_winner_always():
    rng = np.random.default_rng(0)
    same = (rng.random((3, 400)) < 0.8).astype(np.float32)
    better = (rng.random((3, 400)) < 0.99).astype(np.float32)
    assert first_shares([same[:1], same[:1]]).tolist() == [0.5, 0.5]
    assert first_shares([same, better, same]).tolist() == [0.0, 1.0, 0.0]


def test_with_one_seed_each_the_share_first_is_the_normal_law_of_paired_differences():
    rng = np.random.default_rng(1)
    correct = [(rng.random((1, 4000)) < level).astype(np.float32) for level in (0.81, 0.80)]
    differences_N = correct[0][0] - correct[1][0]
    expected = stats.norm.cdf(differences_N.mean() / differences_N.std() * 4000**0.5)
    assert 0.6 < expected < 0.98
    assert first_shares(correct)[0] == pytest.approx(expected, abs=0.03)


def test_seeds_are_resampled_too():
    rng = np.random.default_rng(1)
    steady = (rng.random((3, 20_000)) < 0.80).astype(np.float32)
    noisy = (rng.random((3, 20_000)) < np.array([[0.50], [0.88], [0.90]])).astype(np.float32)
    shares = first_shares([steady, noisy])
    # All 27 draws of the noisy row's seeds are as likely: it is first in those with a mean above 0.80.
    draws = np.array(np.meshgrid(*[[0.50, 0.88, 0.90]] * 3)).reshape(3, -1).mean(axis=0)
    assert shares[1] == pytest.approx((draws > 0.80).mean(), abs=0.04)


def test_shares_add_up_to_one_and_are_the_same_each_time():
    rng = np.random.default_rng(2)
    correct = [(rng.random((seeds, 100)) < 0.8).astype(np.float32) for seeds in (1, 2, 3, 5)]
    shares = first_shares(correct, num_resamples=333)
    assert shares.sum() == pytest.approx(1.0)
    assert (first_shares(correct, num_resamples=333) == shares).all()
    assert first_shares([]).tolist() == []


def test_pairs_say_what_the_ranks_say(make_trials):
    trials = [
        *make_trials("best", accuracy=0.95),
        *make_trials("low", accuracy=0.80),
        *make_trials("mid", accuracy=0.8025),
    ]
    explanation = explained(trials)
    assert [row.label for row in explanation.rows] == ["best", "mid", "low"]
    assert [(pair.first, pair.second, pair.is_separated) for pair in explanation.pairs] == [
        (0, 1, True),
        (0, 2, True),
        (1, 2, False),
    ]
    best_and_mid, best_and_low, mid_and_low = explanation.pairs
    assert best_and_low.difference == pytest.approx(0.15)
    assert best_and_low.cohens_h == pytest.approx(2 * (np.arcsin(0.95**0.5) - np.arcsin(0.8**0.5)))
    assert 0 < best_and_low.low < 0.15 < best_and_low.high
    assert mid_and_low.low < 0 < mid_and_low.high
    assert [row.first_share for row in explanation.rows] == [1.0, 0.0, 0.0]
    assert explanation.neighbours == (best_and_mid, mid_and_low)
    assert explanation.detectable is not None


def test_rows_that_cannot_be_compared_are_named_with_the_reason(make_trial, make_trials):
    trials = [
        *make_trials("good"),
        *make_trials("fine", accuracy=0.8),
        make_trial("blind", predictions=False),
        make_trial("bad", outcome=Outcome.FAILED, failure=(FailureKind.OOM, "full")),
    ]
    explanation = explained(trials)
    assert [row.label for row in explanation.rows] == ["good", "fine"]
    assert explanation.left_out == ("blind left out: predictions.safetensors is missing",)
