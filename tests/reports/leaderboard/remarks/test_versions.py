"""Numbers of an older metric are told of."""

from __future__ import annotations

from harness.records.record import MetricValue
from reports.leaderboard.building import build_leaderboard
from reports.leaderboard.remarks.versions import version_notes


def aged(trial, version):
    folder, record = trial
    accuracy = MetricValue(value=record.metrics["accuracy"].value, version=version)
    return folder, record.model_copy(update={"metrics": {**record.metrics, "accuracy": accuracy}})


def test_numbers_of_the_newest_version_go_without_a_note(make_trials):
    records = [record for _, record in make_trials()]
    assert version_notes(records, {"accuracy": 1}) == []
    assert version_notes(records, {}) == []


def test_a_metric_fixed_since_is_reported_with_the_number_of_trials(make_trials):
    leaderboard = build_leaderboard(make_trials(seeds=3), versions={"accuracy": 2})
    assert leaderboard.notes == (
        "accuracy of 3 trials was computed by version 1 of the metric; run zoo rescore to update them to version 2",
    )


def test_two_versions_among_the_records_are_reported_without_a_catalog(make_trials):
    first, *others = make_trials(seeds=3)
    (note,) = version_notes([record for _, record in [first, *(aged(trial, 3) for trial in others)]], {})
    assert "1 trial was computed by version 1 of the metric; run zoo rescore to update it to version 3" in note
