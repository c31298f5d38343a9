"""Columns of speed and memory."""

from __future__ import annotations

from reports.leaderboard.building import build_leaderboard
from reports.render.terminal import terminal_text


def test_speeds_of_other_conditions_carry_a_mark_that_is_explained(make_trial):
    trials = [make_trial("a"), make_trial("b"), make_trial("c", measurement_key="else", speed=7.0)]
    text = terminal_text(build_leaderboard(trials))
    assert "7†" in text.replace(".00†", "†")
    assert "† speeds measured under different conditions from most rows" in text
