"""Explanations on cases with known answers: who is first how often, what could have been found, how it is shown."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from rich.cells import cell_len
from scipy import stats

import reports
from harness.records.record import FailureKind, Outcome
from reports.comparison.explanation import explain, first_shares, pairs_of
from reports.leaderboard.building import build_leaderboard
from reports.render.explanation import explanation_data, explanation_text
from reports.statistics.accuracy import Sample, detectable_differences, pairwise_p_values
from zoo.cli.group import zoo


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
    assert explanation.left_out == ("blind is left out: it has no predictions.safetensors",)


def test_a_table_with_one_row_says_that_there_is_nothing_to_compare(make_trials):
    explanation = explained(make_trials("alone"))
    assert explanation.pairs == pairs_of([]) == ()
    assert explanation.detectable is None
    assert "fewer than two rows" in explanation_text([explanation])


def test_a_matrix_that_is_too_wide_goes_on_below(make_trials):
    trials = [trial for place in range(8) for trial in make_trials(f"net{place}", accuracy=0.9 - place / 100)]
    explanation = explained(trials)
    whole, narrow = (explanation_text([explanation], width=width).split("neighbours")[0] for width in (None, 60))
    assert whole.count("1 net0") == 1
    assert narrow.count("1 net0") > 1
    matrix = [line for line in narrow.splitlines() if line.startswith(tuple(f" {place} net" for place in range(1, 9)))]
    assert matrix
    assert max(map(cell_len, matrix)) <= 60
    assert narrow.count("(p ") == whole.count("(p ") == 28


def test_plain_data_is_laid_out_as_its_schema_says(make_trials):
    schema = json.loads((Path(reports.__file__).parent / "leaderboard.schema.json").read_text())
    properties = schema["$defs"]["explanation"]["properties"]
    (data,) = explanation_data([explained([*make_trials("a"), *make_trials("b", accuracy=0.8)])])
    assert set(data) == set(properties) == set(schema["$defs"]["explanation"]["required"])
    for name in ("rows", "pairs"):
        assert set(data[name][0]) == set(properties[name]["items"]["required"])


def test_the_command_explains_as_text_and_as_json_and_in_no_other_format(make_trials):
    store = str(make_trials("a")[0][0].parent)
    make_trials("b", accuracy=0.8)
    run = CliRunner().invoke
    assert "could have shown" in run(zoo, ["rank", store, "--explain"]).stdout
    assert "could have shown" not in run(zoo, ["rank", store]).stdout
    data = json.loads(run(zoo, ["rank", store, "--explain", "--format", "json"]).stdout)
    assert [row["label"] for row in data["explanations"][0]["rows"]] == ["a", "b"]
    refused = run(zoo, ["rank", store, "--explain", "--format", "csv"])
    assert refused.exit_code == 2
    assert "--explain goes with --format table or json, not csv" in refused.stderr
