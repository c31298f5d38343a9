"""Tuned rows show cost, choice and gain over the default, and one that loses on the test images says so."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from harness.records.spec import LrTestSpec, SearchSpec
from reports.comparison.difference import compare
from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.tuned_rows import tuned_notes


def tuned(trial, *, repeat: int = 0, repeats: int = 1, seconds: float = 60.0, lr_test=None):
    folder, record = trial
    search = SearchSpec(
        study="s",
        trials=16,
        seconds=seconds,
        budget="16 trials",
        sampler="tpe",
        space={"recipe.lr": "log(0.01, 1)"},
        settings={"recipe.lr": record.spec.recipe.hyperparameters["lr"]},
        default_settings={"recipe.lr": 0.1},
        best=7,
        repeat=repeat,
        repeats=repeats,
        lr_test=lr_test,
    )
    spec = record.spec.model_copy(update={"search": search})
    return folder, record.model_copy(update={"spec": spec})


def trials_of(make_trial, default: float, found: float, *, second: float | None = None, **search):
    """Return two seeds of a default row and of a tuned one; *second* is the default's accuracy with the second seed."""
    trials = [make_trial(seed=seed, accuracy=each) for seed, each in enumerate((default, second or default))]
    settings = {"lr": 0.3}
    better = [make_trial(seed=seed, accuracy=found, hyperparameters=settings, options={"t": 1}) for seed in range(2)]
    # The factory names folders by options; the rows' networks are the same.
    plain = [(folder, record.model_copy(update={"spec": _without_options(record.spec)})) for folder, record in better]
    return [*trials, *(tuned(trial, **search) for trial in plain)]


def _without_options(spec):
    return spec.model_copy(update={"architecture": spec.architecture.model_copy(update={"options": {}})})


def table_of(trials):
    (table,) = build_leaderboard(trials).tables
    return table


def test_the_gain_over_the_default_has_an_interval_and_its_cost(make_trial) -> None:
    table = table_of(trials_of(make_trial, 0.7, 0.9))
    (row,) = (row for row in table.rows if row.tuned)
    assert (row.tuned.trials, row.tuned.seconds, row.tuned.settings) == (16, 60.0, ("lr=0.3",))
    assert row.tuned.gain == pytest.approx(0.2, abs=0.03)
    assert row.tuned.gain_low < row.tuned.gain < row.tuned.gain_high
    assert row.tuned.gain_low > 0
    assert not any("range test" in note for note in table.notes)
    (default,) = (row for row in table.rows if not row.tuned)
    assert (row.recipe, default.recipe) == ("sgd, tuned, 16 trials, 1 min", "sgd, default")
    notes = " ".join(table.notes)
    assert "sgd, tuned, 16 trials, 1 min: gained +2" in notes
    assert "over default on the test images: lr=0.3 (16 trials, 1 min 00 s)" in notes
    assert "a tuned row of one search" in notes


def test_the_gain_is_the_change_that_a_comparison_of_the_two_rows_finds(make_trial) -> None:
    trials = trials_of(make_trial, 0.7, 0.75)
    default, found = trials[:2], trials[2:]
    # The same predictions under the settings of the default: now they are the same cell of two runs.
    other = [
        (folder, record.model_copy(update={"spec": spec.model_copy(update={"seed": record.spec.seed})}))
        for (folder, record), spec in zip(found, [default[0][1].spec] * 2, strict=True)
    ]
    (cell,) = compare(default, other).cells
    (row,) = (row for row in table_of(trials).rows if row.tuned)
    change = cell.accuracy
    assert change.is_paired_by_seed
    assert (row.tuned.gain, row.tuned.gain_low, row.tuned.gain_high) == (change.change, change.low, change.high)


def test_a_range_that_a_range_test_found_is_named(make_trial) -> None:
    found = LrTestSpec(suggestion=0.1, seconds=2.0)
    table = table_of(trials_of(make_trial, 0.7, 0.9, lr_test=found))
    (note,) = (note for note in table.notes if "over default" in note)
    assert note.endswith("(16 trials, 1 min 00 s); learning rates searched, by a range test: log(0.01, 1)")


def test_a_tuned_row_that_loses_on_the_test_images_is_shown_as_such(make_trial) -> None:
    table = table_of(trials_of(make_trial, 0.9, 0.8))
    (row,) = (row for row in table.rows if row.tuned)
    assert row.tuned.gain < 0
    (note,) = (note for note in table.notes if "to default on the test images" in note)
    assert re.search(r"lost 1\d\.\d points \(gain −1\d\.\d \[−\d+\.\d, .\d+\.\d\]\) to default", note)


def test_the_gain_is_that_of_the_seeds_which_both_rows_have(make_trial) -> None:
    trials = trials_of(make_trial, 0.5, 0.9, second=0.7)
    gains = []
    for some in (trials, trials[1:]):
        (row,) = (row for row in table_of(some).rows if row.tuned)
        gains.append(row.tuned.gain)
    assert gains == pytest.approx([0.3, 0.2])


def test_a_default_that_wins_has_no_interval_but_a_sentence(make_trial) -> None:
    trials = [make_trial(seed=seed, accuracy=0.7) for seed in range(2)]
    won = [tuned(trial) for trial in trials]
    empty = [
        (folder, record.model_copy(update={"spec": _with_search(record.spec, settings={}, best=0)}))
        for folder, record in won
    ]
    table = table_of([*trials, *empty])
    (row,) = (row for row in table.rows if row.tuned)
    assert (row.tuned.gain, row.tuned.gain_low, row.tuned.gain_high) == (0, None, None)
    (sentence,) = (note for note in table.notes if "nothing better" in note)
    assert sentence.endswith(
        "the search found nothing better than the default, whose results these are (16 trials, 1 min 00 s)"
    )


def _with_search(spec, **changes):
    return spec.model_copy(update={"search": spec.search.model_copy(update=changes)})


def test_without_the_default_row_there_is_no_gain(make_trial) -> None:
    (row,) = table_of(trials_of(make_trial, 0.7, 0.9)[2:]).rows
    assert row.tuned.gain is None
    assert tuned_notes([row])[1].endswith(": lr=0.3 (16 trials, 1 min 00 s)")


def test_searches_of_a_row_are_added_up_and_then_there_is_no_mark(make_trial) -> None:
    trials = trials_of(make_trial, 0.7, 0.9)
    repeated = [tuned(trial, repeat=number, repeats=2) for number, trial in enumerate(trials[2:])]
    table = table_of([*trials[:2], *repeated])
    (row,) = (row for row in table.rows if row.tuned)
    assert (row.tuned.trials, row.tuned.seconds, row.tuned.repeats) == (32, 120.0, 2)
    assert not any("one search" in note for note in table.notes)


def test_tables_without_a_search_say_nothing_of_it(make_trial) -> None:
    table = table_of([make_trial(), make_trial("other")])
    assert all(row.tuned is None for row in table.rows)
    assert not any("tuned" in note for note in table.notes)
    assert tuned_notes([replace(row) for row in table.rows]) == []
