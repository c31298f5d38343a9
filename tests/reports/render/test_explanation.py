"""Explanations as text and as plain data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.cells import cell_len

import reports
from reports.comparison.explanation import explain, pairs_of
from reports.leaderboard.building import build_leaderboard
from reports.render.explanation import explanation_data, explanation_text


def explained(trials):
    (explanation,) = explain(build_leaderboard(trials), trials)
    return explanation


def test_a_table_with_one_row_has_a_note_that_there_is_nothing_to_compare(make_trials):
    explanation = explained(make_trials("alone"))
    assert explanation.pairs == pairs_of([]) == ()
    assert explanation.detectable is None
    assert "fewer than two rows" in explanation_text([explanation])


def test_a_matrix_that_is_too_wide_goes_on_below(make_trials):
    trials = [trial for place in range(8) for trial in make_trials(f"net{place}", accuracy=0.9 - place / 100)]
    explanation = explained(trials)
    whole, narrow = (explanation_text([explanation], width=width).split("adjacent rows")[0] for width in (None, 60))
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


@pytest.mark.parametrize("width", [40, 60, 80])
def test_no_line_is_wider_than_the_terminal(make_trials, width):
    explanation = explained([*make_trials("a_network_with_a_long_name"), *make_trials("b", accuracy=0.8)])
    text = explanation_text([explanation], width=width)
    assert max(map(cell_len, text.splitlines())) <= width
    assert "adjacent rows points 95 % interval" in " ".join(text.split())
    assert "minimum detectable difference" in " ".join(text.split())
