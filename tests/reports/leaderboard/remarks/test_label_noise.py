"""Neighbours that differ by less than the known errors of the test set."""

from __future__ import annotations

from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.remarks.label_noise import KNOWN_NOISE, label_noise_note
from reports.leaderboard.table import Estimate
from zoo.testing.leaderboards import _row


def rows_of(*accuracies, ranks):
    return [
        _row(f"net{place}", low, high, metrics={"accuracy": Estimate(mean=mean, sd=0.0, n=3)})
        for place, (mean, (low, high)) in enumerate(zip(accuracies, ranks, strict=True))
    ]


def test_separated_neighbours_closer_than_the_known_errors_could_be_label_noise():
    rows = rows_of(0.953, 0.950, 0.90, ranks=[(1, 1), (2, 2), (3, 3)])
    note = label_noise_note("zoo/cifar10", 10_000, rows)
    assert note.startswith(
        "could be label noise: 54 of the 10,000 labels are known to be wrong, and 3.3 % of the images"
    )
    assert note.endswith("which is more than the rows differ by: net0 / net1")


def test_a_tie_a_larger_difference_a_part_of_the_images_and_other_data_have_no_note():
    close, far = (0.953, 0.950), (0.953, 0.947)
    apart, tied = [(1, 1), (2, 2)], [(1, 2), (1, 2)]
    assert label_noise_note("zoo/cifar10", 10_000, rows_of(*close, ranks=tied)) == ""
    assert label_noise_note("zoo/cifar10", 10_000, rows_of(*far, ranks=apart)) == ""
    assert label_noise_note("zoo/cifar10", 2_000, rows_of(*close, ranks=apart)) == ""
    assert label_noise_note("zoo/digits", 10_000, rows_of(*close, ranks=apart)) == ""


def test_the_note_is_in_the_table(make_trials, monkeypatch):
    """On 400 images of a dataset of which 40 labels are known to be wrong."""
    known = next(iter(KNOWN_NOISE.values()))
    noise = type(known)(num_test=400, errors=40, duplicates=0.0, source="x")
    monkeypatch.setitem(KNOWN_NOISE, "zoo/toy", noise)
    trials = [*make_trials("a", accuracy=0.9, image_noise=0.0), *make_trials("b", accuracy=0.85, image_noise=0.0)]
    (table,) = build_leaderboard(trials).tables
    assert any(note.startswith("could be label noise: 40 of the 400 labels") for note in table.notes)
