"""Learning curves in words: accuracy by the number of training images per class."""

from __future__ import annotations

from reports.leaderboard.building import build_leaderboard


def notes_of(trials):
    (table,) = build_leaderboard(trials).tables
    return [note for note in table.notes if "images per class" in note or "combinations" in note]


def sized(make_trials, size, accuracy, **fields):
    return make_trials(
        accuracy=accuracy, image_noise=0.0, hyperparameters={"train_per_class": size}, recipe="probe", **fields
    )


def test_sizes_are_in_order_and_all_images_come_last(make_trials):
    trials = [
        *sized(make_trials, 0, 0.95),
        *sized(make_trials, 10, 0.9),
        *sized(make_trials, 2, 0.6),
    ]
    assert notes_of(trials) == [
        "net · probe, accuracy by training images per class: 2: 60.0 ± 0.0 %, 10: 90.0 ± 0.0 %, all: 95.0 ± 0.0 %"
    ]


def test_the_best_combination_comes_first_and_a_single_size_is_no_curve(make_trials):
    trials = [
        *sized(make_trials, 0, 0.8, model="a"),
        *sized(make_trials, 5, 0.7, model="a"),
        *sized(make_trials, 0, 0.9, model="b"),
        *sized(make_trials, 5, 0.6, model="b"),
        *sized(make_trials, 0, 0.99, model="c"),
    ]
    assert [note.partition(" ")[0] for note in notes_of(trials)] == ["b", "a"]


def test_many_curves_are_counted(make_trials):
    trials = [
        trial
        for number in range(14)
        for size in (1, 0)
        for trial in sized(make_trials, size, 0.5 + number / 50, model=f"net{number}", seeds=1)
    ]
    notes = notes_of(trials)
    assert len(notes) == 13
    assert notes[-1] == "learning curves of 2 more combinations are rows of the table"


def test_other_recipes_have_none(make_trials):
    assert notes_of(make_trials()) == []
