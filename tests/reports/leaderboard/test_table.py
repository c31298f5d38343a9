"""The table: estimates, and the names of its rows."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace

import pytest

from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.table import Unfinished, estimate_of, row_names, unfinished_counts


def test_an_estimate_is_mean_and_standard_deviation_of_the_finite_numbers():
    values = [0.9, 0.92, 0.97]
    estimate = estimate_of([*values, None, math.nan, "x"])
    assert (estimate.n, estimate.mean) == (3, pytest.approx(statistics.fmean(values)))
    assert estimate.sd == pytest.approx(statistics.stdev(values))
    assert estimate_of([0.5]).sd is None
    assert estimate_of([None, math.inf]) is None


def test_rows_are_named_by_model_and_by_what_differs(make_trial):
    one, other = build_leaderboard([make_trial("a"), make_trial("b", accuracy=0.5)]).rows
    assert row_names([one, other]) == ["a", "b"]
    assert row_names([one, replace(one, recipe="adam")]) == ["a, sgd", "a, adam"]
    assert row_names([one, replace(one, runtime="onnx")]) == ["a", "a, onnx"]


def test_a_row_names_only_what_sets_it_apart_from_rows_of_its_model(make_trial):
    one, other = build_leaderboard([make_trial("a"), make_trial("b", accuracy=0.5)]).rows
    probed = replace(other, model="c", recipe="probe")
    assert row_names([one, replace(one, recipe="adam"), other, probed]) == ["a, sgd", "a, adam", "b", "c"]


def test_unfinished_seeds_are_counted_by_outcome():
    seeds = [
        Unfinished(seed=seed, outcome=outcome, reason="")
        for seed, outcome in enumerate(["failed", "missing", "failed"])
    ]
    assert unfinished_counts(seeds) == {"failed": 2, "missing": 1}
