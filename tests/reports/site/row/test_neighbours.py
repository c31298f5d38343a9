"""Neighbours: the rows around one, and which of them its tests separate from it."""

from __future__ import annotations

from reports.leaderboard.building import build_leaderboard
from reports.site.entries import entries_of
from reports.site.row.neighbours import REACH, neighbours


def entries(trials):
    return entries_of(build_leaderboard(trials), trials)


def test_rows_above_tied_and_below_are_counted_by_the_tests_of_the_pairs(make_trials):
    trials = [
        *make_trials("best", accuracy=0.95),
        *make_trials("one", accuracy=0.80),
        *make_trials("other", accuracy=0.8025),
        *make_trials("worst", accuracy=0.3),
    ]
    members = entries(trials)
    found = neighbours(members[2], members)
    assert found["counts"] == [(1, "surely above it"), (1, "tied with it"), (1, "surely below it")]
    assert [(each["short"], each["kind"]) for each in found["chart"]["points"]] == [
        ("best", "above"),
        ("other", "tied"),
        ("one", "self"),
        ("worst", "below"),
    ]
    assert found["compare"] == [each.id for each in members[1:]]
    assert found["chart"]["points"][0]["path"] == f"rows/{members[0].id}.html"


def test_only_rows_near_by_are_drawn(make_trial):
    members = entries([make_trial(f"net{index}", accuracy=0.3 + 0.02 * index) for index in range(30)])
    assert len(neighbours(members[15], members)["chart"]["points"]) == 2 * REACH + 1
    assert len(neighbours(members[0], members)["chart"]["points"]) == REACH + 1


def test_a_row_without_a_rank_or_without_others_has_no_neighbours(make_trial, make_trials):
    alone = entries(make_trials("net"))
    assert neighbours(alone[0], alone) == {}
    members = entries([*make_trials("a"), *make_trials("b"), make_trial("blind", predictions=False)])
    blind = next(each for each in members if each.row.model == "blind")
    assert neighbours(blind, members) == {}
