"""Idle settings: two settings with equal weights are one result in two rows, and that is said."""

from __future__ import annotations

from typing import Any

import pytest

from harness.records.predictions import FILE_NAME
from reports.leaderboard.remarks.idle_settings import idle_setting_notes
from reports.trials.grouping import group_trials


def notes(*trials: Any) -> list[str]:
    """Notes on the rows of trials, called a, b, c …"""
    groups = group_trials(trials)
    return idle_setting_notes("abcdef"[: len(groups)], groups)


@pytest.fixture
def trial(make_trial: Any) -> Any:
    """A trial whose predictions have a digest."""

    def make(model: str = "net", digest: str = "d", **changes: Any) -> Any:
        folder, record = make_trial(model, **changes)
        return folder, record.model_copy(update={"files": {FILE_NAME: digest} if digest else {}})

    return make


def test_a_setting_that_changed_no_prediction_is_named(trial: Any) -> None:
    """Issue 15, item 8: settings that do nothing made rows of their own."""
    same = [trial(hyperparameters={"gain": gain}, seed=seed, digest=f"d{seed}") for gain in (1, 2) for seed in (0, 1)]
    sentence = "a and b have the same predictions, bit for bit: recipe.gain changed nothing"
    assert notes(*same) == [sentence]
    assert notes(*same, trial(options={"width": 2}, hyperparameters={"gain": 1}, digest="d0")) == [
        sentence,
        "a and c have the same predictions, bit for bit: model.width changed nothing",
    ]


def test_rows_that_differ_in_a_seed_in_a_network_or_in_no_setting_are_left_alone(trial: Any) -> None:
    assert notes(trial(hyperparameters={"gain": 1}), trial(hyperparameters={"gain": 2}, digest="e")) == []
    half = [
        trial("half", hyperparameters={"gain": gain}, seed=seed, digest=f"{seed * gain}")
        for gain in (1, 2)
        for seed in (0, 1)
    ]
    assert notes(*half) == []
    assert notes(trial("one"), trial("other", hyperparameters={"gain": 2})) == []
    assert notes(trial("torch"), trial("torch", environment={"torch": "2.12.0"})) == []
    assert notes(trial("lost", digest=""), trial("lost", digest="", hyperparameters={"gain": 2})) == []
