"""Grouping: which trials are seeds of one row, and which rows share a table."""

from __future__ import annotations

import pytest

from harness.records.record import FailureKind, Outcome
from reports.trials.grouping import by_table, combinations, group_trials

FAILED = {"outcome": Outcome.FAILED, "failure": (FailureKind.OOM, "full")}


def test_seeds_of_one_spec_are_one_group_and_a_failed_one_joins_it(make_trials, make_trial):
    (group,) = group_trials([*make_trials(seeds=2), make_trial(seed=2, **FAILED)])
    assert (sorted(group.done), sorted(group.unfinished), group.repeated) == ([0, 1], [2], 0)


@pytest.mark.parametrize(
    "other",
    [
        {"recipe": "adam"},
        {"options": {"width": 2}},
        {"fingerprint": "1" * 64},
        {"execution": {"precision": "bf16"}},
        {"environment": {"torch": "2.12.0"}},
    ],
)
def test_everything_that_can_change_predictions_makes_another_group(make_trial, other):
    assert len(group_trials([make_trial(), make_trial(seed=1, **other)])) == 2


def test_a_short_name_that_became_ambiguous_makes_no_other_group_and_no_other_table(make_trial):
    """Issue 15, item 10: one network was ranked twice, under its short and its full name."""
    trials = [make_trial("net", full_name="lab/net"), make_trial("lab/net", full_name="lab/net", seed=1)]
    groups = group_trials(trials)
    assert [sorted(group.done) for group in groups] == [[0, 1]]
    folder, other = make_trial("other")
    dataset = other.spec.dataset.model_copy(update={"display_name": "zoo/digits"})
    other = other.model_copy(update={"spec": other.spec.model_copy(update={"dataset": dataset})})
    assert len(by_table(group_trials([*trials, (folder, other)]))) == 1


def test_networks_of_one_short_name_are_two_groups(make_trial):
    trials = [make_trial("net", full_name="lab/net"), make_trial("net", full_name="other/net", seed=1)]
    assert len(group_trials(trials)) == 2


def test_device_and_patch_release_of_torch_do_not(make_trial):
    environment = {"torch": "2.11.3+cu128", "device_name": "a gpu"}
    assert len(group_trials([make_trial(), make_trial(seed=1, environment=environment)])) == 1


def test_a_second_trial_of_the_same_seed_is_counted_and_left_out(make_trial):
    trials = [make_trial(), make_trial(measurement_key="other")]
    (group,) = group_trials(trials)
    assert (group.done, group.repeated) == ({0: trials[0]}, 1)


def test_tables_are_of_one_content_and_a_failed_row_joins_its_dataset(make_trial):
    trials = [make_trial("a"), make_trial("b", **FAILED), make_trial("c", data="other", fingerprint="1" * 64)]
    tables = by_table(group_trials(trials))
    assert [[group.example.spec.architecture.display_name for group in groups] for groups in tables] == [
        ["a", "b"],
        ["c"],
    ]


def test_a_combination_is_the_same_on_every_dataset(make_trial):
    trials = [make_trial(model, data=data, fingerprint=data * 64) for data in "12" for model in "ab"]
    first, second = combinations(by_table(group_trials(trials)))
    assert first == second
    assert len(set(first)) == 2


def test_one_dataset_under_two_full_names_is_one_table_if_its_images_are_the_same(make_trial):
    """Two tables of one name and content would share a page of the site."""
    folder, record = make_trial("a")
    dataset = record.spec.dataset.model_copy(update={"full_name": "lab/digits"})
    other = record.model_copy(update={"spec": record.spec.model_copy(update={"dataset": dataset})})
    (table,) = by_table(group_trials([(folder, record), (folder, other)]))
    assert len(table) == 2
