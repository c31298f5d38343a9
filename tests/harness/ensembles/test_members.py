"""Members: their predictions, and the test set on which the folds of a cross-validation may be averaged."""

from __future__ import annotations

import pytest

from harness.ensembles.members import own_test, read_member, title_of, untouched_test
from harness.records.predictions import FILE_NAME, SavedPredictions, load_predictions, save_predictions
from harness.records.record import TestSetKind
from harness.system.atomic_files import sha256_of
from tests.harness.ensembles.conftest import MakeTrial
from zoo.errors import StoreError
from zoo.metric import Predictions


def test_a_member_has_its_predictions_for_test_and_validation_images(make_trial: MakeTrial) -> None:
    folder, record = make_trial("net", seed=3)
    member = read_member(folder, record, own_test(record))
    assert (member.title, len(member.test.samples)) == ("net, seed 3", 60)
    assert member.val is not None
    assert len(member.val.samples) == 40
    assert member.sha256 == record.files[FILE_NAME]
    assert read_member(folder, record, own_test(record), with_val=False).val is None


def test_damaged_and_missing_predictions_are_named(make_trial: MakeTrial) -> None:
    folder, record = make_trial()
    (folder / FILE_NAME).write_bytes(b"x")
    with pytest.raises(StoreError, match="does not match the checksum"):
        read_member(folder, record, own_test(record))
    with pytest.raises(StoreError, match=r"net, seed 0: its record has no checksum of predictions\.safetensors"):
        read_member(folder, record.model_copy(update={"files": {}}), own_test(record))


def test_classes_without_scores_are_no_member(make_trial: MakeTrial) -> None:
    folder, record = make_trial()
    saved = load_predictions(folder)
    predictions = Predictions(
        logits=saved.predictions.logits, labels=saved.predictions.labels, classes=("x", "y", "z"), has_scores=False
    )
    path = save_predictions(folder, SavedPredictions(predictions=predictions, samples=saved.samples))
    record = record.model_copy(update={"files": {FILE_NAME: sha256_of(path)}})
    with pytest.raises(StoreError, match="net, seed 0: there are classes only"):
        read_member(folder, record, own_test(record))


def folds(make_trial: MakeTrial, **fields: object) -> list:
    return [make_trial(fold=fold, **fields)[1] for fold in (1, 2, 3)]


def test_folds_are_averaged_on_a_test_set_that_all_were_tested_on(make_trial: MakeTrial) -> None:
    tested = untouched_test(folds(make_trial, further=("held",)), None)
    assert tested.file == "test_predictions-held.safetensors"
    assert tested.dataset.display_name == "folder:held"
    assert (tested.dataset.folds, tested.dataset.fold) == (None, None)
    assert (tested.data.num_test, tested.data.fingerprint, tested.data.whole_fingerprint) == (50, "t" * 64, "")


def test_folds_without_such_a_test_set_are_refused_with_the_reason(make_trial: MakeTrial) -> None:
    with pytest.raises(StoreError, match="each was tested on other images, which the others were trained on; test all"):
        untouched_test(folds(make_trial), None)


def test_corrupted_test_images_are_not_untouched(make_trial: MakeTrial) -> None:
    records = [
        record.model_copy(
            update={
                "test_sets": {
                    name: result.model_copy(update={"kind": TestSetKind.CORRUPTION})
                    for name, result in record.test_sets.items()
                }
            }
        )
        for record in folds(make_trial, further=("held",))
    ]
    with pytest.raises(StoreError, match="each was tested on other images"):
        untouched_test(records, None)


def test_one_of_several_test_sets_is_chosen_by_name(make_trial: MakeTrial) -> None:
    records = folds(make_trial, further=("held", "later"))
    with pytest.raises(StoreError, match="all folds were tested on held, later; choose one with --on NAME"):
        untouched_test(records, None)
    assert untouched_test(records, "later").file == "test_predictions-later.safetensors"
    with pytest.raises(StoreError, match="its folds were not all tested on 'other'; they were tested on held, later"):
        untouched_test(records, "other")


def test_a_fold_is_part_of_its_title(make_trial: MakeTrial) -> None:
    assert title_of(make_trial(fold=2, seed=1)[1]) == "net, seed 1, fold 2"
