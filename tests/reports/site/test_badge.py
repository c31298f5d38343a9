"""The badge names the best mean, and says when other rows tie with it."""

from __future__ import annotations

from xml.etree import ElementTree

from reports.leaderboard.building import build_leaderboard
from reports.site.badge import badge
from reports.site.entries import entries_of


def label_of(trials):
    svg = badge(entries_of(build_leaderboard(trials), trials))
    return ElementTree.fromstring(svg).get("aria-label")


def test_of_tied_rows_the_badge_names_the_highest_mean_and_counts_the_others(make_trials):
    trials = [
        *make_trials("apple", accuracy=0.80),
        *make_trials("mango", accuracy=0.8025),
        *make_trials("zebra", accuracy=0.801),
        *make_trials("worst", accuracy=0.4),
    ]
    assert label_of(trials) == "toy: mango 80.2 % (tied with 2 others)"


def test_a_clear_winner_stands_alone(make_trials):
    assert label_of([*make_trials("good", accuracy=0.95), *make_trials("bad", accuracy=0.5)]) == "toy: good 95.0 %"


def test_the_badge_shows_that_there_are_no_results():
    assert label_of([]) == "zoo: no results yet"
