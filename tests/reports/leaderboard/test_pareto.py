from __future__ import annotations

import csv
import io
import json
import random

import pytest

from reports.leaderboard.all_columns import choose_columns
from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.pareto import dominators, front
from reports.render.writing import FORMATS, render

CPU = {"torch": "2.11.0", "device_name": "a cpu", "driver": "", "threads": 2}


def dominated_by(leaderboard, cost):
    return {
        row.model: [each.name for each in row.dominated_by[cost]]
        for row in leaderboard.rows
        if cost in row.dominated_by
    }


def test_the_front_is_what_no_point_beats_at_the_same_cost():
    points = [(0.7, 1.0), (0.9, 3.0), (0.8, 4.0), (0.9, 5.0), (0.6, 1.0), (0.95, 9.0)]
    assert front(points) == [0, 1, 5]
    assert dominators(points) == [(), (), (1,), (1,), (0,), ()]


def test_equal_points_do_not_dominate_one_another():
    assert front([(0.9, 1.0), (0.9, 1.0)]) == [0, 1]
    assert dominators([(0.9, 1.0), (0.9, 1.0), (0.9, 2.0)]) == [(), (), (0, 1)]


def test_no_points_have_no_front():
    assert front([]) == []
    assert dominators([]) == []


@pytest.mark.parametrize("seed", range(20))
def test_front_and_dominators_are_what_comparing_all_pairs_gives(seed):
    rng = random.Random(seed)
    points = [(rng.randrange(8) / 8, float(rng.randrange(8))) for _ in range(40)]

    def beats(first, second):
        return first != second and first[0] >= second[0] and first[1] <= second[1]

    best = [place for place, point in enumerate(points) if not any(beats(other, point) for other in points)]
    assert sorted(front(points)) == best
    assert [sorted(found) for found in dominators(points)] == [
        [place for place in best if beats(points[place], point)] for point in points
    ]


def test_each_cost_has_its_own_front(make_trial):
    leaderboard = build_leaderboard(
        [
            make_trial("big", accuracy=0.95, params=900, macs=90, speed=10.0),
            make_trial("mid", accuracy=0.90, params=300, macs=95, speed=20.0),
            make_trial("odd", accuracy=0.80, params=400, macs=10, speed=5.0),
        ]
    )
    assert dominated_by(leaderboard, "params") == {"big": [], "mid": [], "odd": ["mid"]}
    assert dominated_by(leaderboard, "macs") == {"big": [], "mid": ["big"], "odd": []}
    assert dominated_by(leaderboard, "inference_speed") == {"big": [], "mid": [], "odd": ["mid", "big"]}


def test_throughput_is_compared_within_one_measurement_key_only(make_trial):
    leaderboard = build_leaderboard(
        [
            make_trial("a", accuracy=0.8, environment=CPU, measurement_key="c", speed=100.0),
            make_trial("b", accuracy=0.7, environment=CPU, measurement_key="c", speed=50.0),
            make_trial("c", accuracy=0.9, environment={**CPU, "device_name": "a gpu"}, measurement_key="g", speed=9e3),
        ]
    )
    assert dominated_by(leaderboard, "inference_speed") == {"a": [], "b": ["a"]}


def test_unknown_values_are_not_compared(make_trial):
    leaderboard = build_leaderboard([make_trial("a", macs=None), make_trial("b"), make_trial("c", accuracy=0.5)])
    assert dominated_by(leaderboard, "macs") == {"b": [], "c": ["b"]}
    assert "macs" not in build_leaderboard([make_trial("alone")]).rows[0].dominated_by


def test_a_dominating_row_that_shares_ranks_is_distinguished_from_a_separated_one(make_trials):
    leaderboard = build_leaderboard(
        [
            *make_trials("best", accuracy=0.95, params=100),
            *make_trials("near", accuracy=0.9475, params=200),
            *make_trials("poor", accuracy=0.70, params=200),
        ]
    )
    found = {row.model: row.dominated_by["params"] for row in leaderboard.rows}
    assert [each.shares_ranks for each in found["near"]] == [True]
    assert [each.shares_ranks for each in found["poor"]] == [False]
    other = build_leaderboard([*make_trials("x", accuracy=0.9, params=1), *make_trials("y", params=2)], sort_by="macs")
    assert not any(each.shares_ranks for row in other.rows for found in row.dominated_by.values() for each in found)


@pytest.fixture
def three(make_trials):
    return build_leaderboard(
        [
            *make_trials("small", accuracy=0.9, params=1_000_000),
            *make_trials("large", accuracy=0.7, params=9_000_000),
            *make_trials("tied", accuracy=0.9, params=2_000_000),
        ]
    )


@pytest.mark.parametrize("format_name", ["table", "markdown", "latex"])
def test_the_front_is_marked_in_the_column_of_its_cost_and_explained(three, format_name):
    text = render(three, format_name)
    mark = r"\*" if format_name == "markdown" else "*"
    assert f"1 M{mark}" in text
    assert f"9 M{mark}" not in text
    assert "on the Pareto front" in text
    assert "large" not in render(three, format_name, choose_columns(three, ["rank"]))
    assert "Pareto" not in render(three, format_name, choose_columns(three, ["model", "accuracy"]))


@pytest.mark.parametrize("format_name", ["table", *FORMATS])
def test_every_format_has_a_column_of_dominating_rows(three, format_name):
    text = render(three, format_name, choose_columns(three, ["model", "dominated_by"]))
    if format_name == "csv":
        assert {row["model"]: row["dominated_by"] for row in csv.DictReader(io.StringIO(text))} == {
            "small": "",
            "tied": "small",
            "large": "small; tied",
        }
        return
    if format_name == "json":
        rows = {row["cells"]["model"]: row for row in json.loads(text)["tables"][0]["rows"]}
        assert rows["large"]["dominated_by"]["params"] == [{"name": "small", "shares_ranks": False}]
        assert rows["small"]["dominated_by"]["params"] == []
        assert rows["large"]["cells"]["on_front_params"] is False
        return
    approximately = r"$\approx$" if format_name == "latex" else "≈"
    assert "small (infer img/s, params, MACs)" in text
    assert f"small{approximately} (params)" in text


def test_rows_have_a_chance_of_being_on_the_front(make_trials):
    trials = [
        *make_trials("small", accuracy=0.8, params=100),
        *make_trials("medium", accuracy=0.8, params=200),
        *make_trials("large", accuracy=0.95, params=300),
        *make_trials("useless", accuracy=0.3, params=400),
    ]
    rows = {row.model: row for row in build_leaderboard(trials).rows}
    chances = {name: row.front_chances["params"] for name, row in rows.items()}
    assert (chances["small"], chances["large"], chances["useless"]) == (1.0, 1.0, 0.0)
    assert 0.1 < chances["medium"] < 0.9


def test_a_row_without_predictions_has_no_chance(make_trials, make_trial):
    trials = [*make_trials("a"), *make_trials("b"), make_trial("c", predictions=False)]
    rows = {row.model: row for row in build_leaderboard(trials).rows}
    assert rows["c"].front_chances == {}
    assert set(rows["a"].front_chances) == {"inference_speed", "params", "macs"}
