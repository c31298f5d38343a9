"""Notes: one sentence for each kind of remark, with the trials that it concerns."""

from __future__ import annotations

import pytest

from reports.leaderboard.remarks.notes import TrialNote, merge_notes, merge_outcomes, names_text, seeds_text


def note(sentence, row="net", seed=0):
    return TrialNote(sentence=sentence, row=row, seed=seed)


def test_sentences_that_differ_in_a_number_become_one_with_its_range():
    notes = [
        note(f"the reference network ran at {ratio} times its speed", seed=seed)
        for seed, ratio in enumerate([1.32, 1.1, 1.25])
    ]
    assert merge_notes(notes) == ["the reference network ran at 1.1 to 1.32 times its speed (3 trials: net, seeds 0–2)"]


def test_different_sentences_stay_separate():
    assert merge_notes([note("a 1"), note("b 1")]) == ["a 1 (net, seed 0)", "b 1 (net, seed 0)"]


def test_digits_in_names_and_versions_are_words():
    notes = [
        note("resnet18 needs torch 2.11.0"),
        note("resnet34 needs torch 2.11.0"),
        note("resnet18 needs torch 2.12.0"),
    ]
    assert len(merge_notes(notes)) == 3


def test_many_rows_are_counted_and_not_named():
    notes = [note("slow", row=f"net{row}", seed=seed) for row in range(11) for seed in range(2)]
    assert merge_notes(notes) == ["slow (22 trials of 11 rows)"]


def test_thousands_are_ordered_by_value_and_not_by_text():
    assert merge_notes([note("1,200 images"), note("900 images", seed=1)])[0].startswith("900 to 1,200 images")


def test_failures_are_grouped_by_cause_with_their_number():
    outcomes = [
        *(
            ("failed", note(f"oom: tried to allocate {size} GiB", row="big", seed=seed))
            for seed, size in enumerate((2, 14))
        ),
        ("failed", note("diverged: the loss was not finite", row="wild")),
        ("interrupted", note("", row="big", seed=2)),
    ]
    assert merge_outcomes(outcomes) == [
        "2 trials failed: oom: tried to allocate 2 to 14 GiB (big, seeds 0, 1)",
        "1 trial failed: diverged: the loss was not finite (wild, seed 0)",
        "1 trial was interrupted (big, seed 2)",
    ]


@pytest.mark.parametrize(
    ("seeds", "text"), [([3], "seed 3"), ([0, 1], "seeds 0, 1"), ([2, 0, 1], "seeds 0–2"), ([0, 2, 3], "seeds 0, 2, 3")]
)
def test_seeds_in_a_row_are_a_range(seeds, text):
    assert seeds_text(seeds) == text


def test_a_few_names_are_listed():
    assert names_text(["a", "b"]) == "a; b"
    assert names_text(list("abcd")) == "4 rows"
