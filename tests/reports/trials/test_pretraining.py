"""Whether the weights of a trial saw its test images."""

from __future__ import annotations

from harness.records.origin import Origin, OriginKind
from harness.records.spec import PretrainingSpec
from reports.trials.pretraining import seen_by
from zoo.pretraining import Seen


def declaring(record, collections, test_images):
    declared = PretrainingSpec(collections=collections, test_images=test_images)
    return record.model_copy(update={"spec": record.spec.model_copy(update={"pretraining": declared})})


def test_a_network_trained_from_scratch_saw_nothing(make_trial):
    assert seen_by(make_trial()[1]) is None
    assert seen_by(make_trial(hyperparameters={"pretrained": False})[1]) is None


def test_published_weights_saw_what_they_declare(make_trial):
    record = make_trial(hyperparameters={"pretrained": True})[1]
    assert seen_by(declaring(record, ("imagenet1k",), ("food101",))) is Seen.NO
    assert seen_by(declaring(record, ("imagenet1k",), ("imagenet1k",))) is Seen.YES


def test_where_nothing_is_declared_it_is_unknown(make_trial):
    record = make_trial(hyperparameters={"pretrained": True})[1]
    assert seen_by(record) is Seen.UNKNOWN  # a record of an earlier version
    assert seen_by(declaring(record, (), ())) is Seen.UNKNOWN
    other = Origin(kind=OriginKind.PREDICTIONS, source="theirs.csv", files={"theirs.csv": "0" * 64}, has_scores=False)
    assert seen_by(make_trial()[1].model_copy(update={"origin": other})) is Seen.UNKNOWN


def test_an_ensemble_starts_from_scratch_if_its_members_do(make_trial):
    record = make_trial()[1]
    assert record.model is not None
    origin = Origin(kind=OriginKind.ENSEMBLE, source="net, seed 0; net, seed 1", files={"a": "0" * 64})
    ensemble = record.model_copy(update={"origin": origin})
    assert seen_by(ensemble) is None
    published = record.model.model_copy(update={"pretrained": True})
    assert seen_by(ensemble.model_copy(update={"model": published})) is Seen.UNKNOWN
    assert seen_by(ensemble.model_copy(update={"model": None})) is Seen.UNKNOWN
