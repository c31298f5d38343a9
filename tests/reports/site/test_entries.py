"""Entries: each row with its own trials, at an address that other rows do not change."""

from __future__ import annotations

from reports.leaderboard.building import build_leaderboard
from reports.site.entries import entries_of


def entries(trials):
    return entries_of(build_leaderboard(trials), trials)


def test_each_row_has_its_own_trials_by_seed(make_trials):
    found = entries([*make_trials("a"), *make_trials("b", accuracy=0.5)])
    for entry in found:
        assert [record.spec.architecture.display_name for _, record in entry.done] == [entry.row.model] * 3
        assert [record.spec.seed for _, record in entry.done] == [0, 1, 2]


def test_an_address_stays_the_same_when_rows_are_added(make_trials):
    first = make_trials("a")
    (alone,) = entries(first)
    among = entries([*first, *make_trials("b"), *make_trials("a", hyperparameters={"lr": 0.5})])
    assert alone.id in {entry.id for entry in among}
    assert len({entry.id for entry in among}) == 3


def test_rows_of_one_model_share_its_page_and_rows_of_one_dataset_share_theirs(make_trials):
    found = entries(
        [*make_trials("a"), *make_trials("a", recipe="adam"), *make_trials("a", data="other", fingerprint="1" * 64)]
    )
    assert len({entry.model_id for entry in found}) == 1
    assert len({entry.table_id for entry in found}) == 2
