"""Dataset pages: facts from the record, and counts from the predictions."""

from __future__ import annotations

from reports.leaderboard.building import build_leaderboard
from reports.site.dataset_page import dataset_facts
from reports.site.entries import entries_of
from reports.trials.evidence import read_evidence


def test_facts_come_from_the_record_and_class_counts_from_the_predictions(make_trial):
    trial = make_trial(num_test=400, notes=("no validation split",))
    entries = entries_of(build_leaderboard([trial]), [trial])
    found = dataset_facts(entries, [read_evidence([trial])])
    facts = dict(found["facts"])
    assert facts["training images"] == "100"
    assert facts["image size"] == "8 × 8 px, 1 channel"
    assert facts["test images per class"] == "133 to 134"
    assert [(each["name"], each["count"]) for each in found["classes"]] == [("a", "134"), ("b", "133"), ("c", "133")]
    assert found["notes"] == ["no validation split"]


def test_without_predictions_there_are_no_classes(make_trial):
    trial = make_trial(predictions=False)
    entries = entries_of(build_leaderboard([trial]), [trial])
    assert dataset_facts(entries, [read_evidence([trial])])["classes"] == []


def test_classes_of_one_size_are_not_given_as_a_range(make_trial):
    trial = make_trial(num_test=300)
    entries = entries_of(build_leaderboard([trial]), [trial])
    assert dict(dataset_facts(entries, [read_evidence([trial])])["facts"])["test images per class"] == "100"
