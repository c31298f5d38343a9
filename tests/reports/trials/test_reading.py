"""Reading: trials of stores and single folders, each once, and a sentence for each that cannot be read."""

from __future__ import annotations

import pytest

from reports.trials.reading import read_trials
from zoo.errors import ManyErrors, StoreError


def test_a_trial_counts_once_however_it_is_reached(make_trials, tmp_path):
    trials = make_trials(seeds=2)
    store = trials[0][0].parent
    (tmp_path / "link").symlink_to(store)
    read, problems = read_trials([store, trials[0][0], tmp_path / "link"])
    assert [record for _, record in read] == [record for _, record in sorted(trials)]
    assert problems == []


def test_a_damaged_record_is_a_sentence_and_the_others_are_read(make_trials):
    (first, _), (_, record) = make_trials(seeds=2)
    (first / "record.json").write_text("{")
    read, problems = read_trials([first.parent])
    assert [each for _, each in read] == [record]
    assert len(problems) == 1
    assert first.name in problems[0]


def test_all_folders_that_are_missing_are_named_together(make_trial, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ManyErrors) as caught:
        read_trials([tmp_path / "none", make_trial()[0], tmp_path / "empty"])
    assert [str(error).split(" /")[0] for error in caught.value.errors] == [
        "there is no folder",
        "there are no records in",
    ]
    with pytest.raises(StoreError, match="there is no folder"):
        read_trials([tmp_path / "none"])


def test_what_else_is_in_a_store_is_passed_over_beside_its_trials(make_trials, tmp_path):
    """``zoo rank runs/*`` names the tables that zoo writes there, and trials that have not finished."""
    trials = make_trials(seeds=2)
    store = trials[0][0].parent
    (store / "leaderboard.csv").write_text("rank\n")
    (store / "unfinished").mkdir()
    read, problems = read_trials(sorted(store.iterdir()))
    assert [record for _, record in read] == [record for _, record in sorted(trials)]
    assert problems == []
    with pytest.raises(StoreError, match=r"leaderboard.csv is a file: name the folder of a trial"):
        read_trials([store / "leaderboard.csv"])
    (tmp_path / "other").mkdir()
    with pytest.raises(StoreError, match="there are no records in"):
        read_trials([trials[0][0], tmp_path / "other"])
