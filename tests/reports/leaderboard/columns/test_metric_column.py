"""Columns of metrics."""

from __future__ import annotations

import pytest

from reports.leaderboard.all_columns import choose_columns
from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.columns.metric_column import metric_title
from reports.render.terminal import terminal_text
from zoo.errors import UnknownNameError


def test_metrics_of_the_records_are_columns(make_trial):
    leaderboard = build_leaderboard(
        [make_trial(metrics={"nll": 0.25, "top5": 0.99, "mine": 7.0, "per_class_f1": [1.0]})]
    )
    text = terminal_text(leaderboard, choose_columns(leaderboard, ["model", "nll", "top5", "mine"]))
    assert "0.250" in text
    assert "99.0" in text
    assert "7.000" in text
    with pytest.raises(UnknownNameError):
        choose_columns(leaderboard, ["per_class_f1"])


@pytest.mark.parametrize(
    ("name", "unit", "title"),
    [
        ("weighted_f1", "%", "weighted F1 %"),
        ("roc_auc", "", "ROC AUC"),
        ("scaled_nll", "", "scaled NLL"),
        ("top5", "%", "top-5 %"),
        ("aurc", "", "AURC"),
        ("my_metric", "", "my metric"),
    ],
)
def test_headings_are_words_with_acronyms_in_capitals(make_trial, name, unit, title):
    assert metric_title(name, unit) == title
    leaderboard = build_leaderboard([make_trial(metrics={name: 0.5})])
    assert choose_columns(leaderboard, [name])[0].title == title
