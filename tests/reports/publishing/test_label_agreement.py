"""Label agreement: labels set to the predictions show beside honest trials on the same images."""

from __future__ import annotations

from harness.records.predictions import FILE_NAME, SavedPredictions, load_predictions, save_predictions
from harness.records.store import write_record
from harness.system.atomic_files import sha256_of
from reports.publishing.label_agreement import label_problems
from zoo.metric import Predictions


def forged(trial, *, classes=None, flip=None):
    """Set the labels of a trial to its predictions, as a forger would, with the sums redone."""
    folder, record = trial
    saved = load_predictions(folder)
    labels = saved.predictions.logits.argmax(axis=1) if flip is None else flip(saved.predictions.labels)
    names = classes or saved.predictions.classes
    predictions = Predictions(logits=saved.predictions.logits, labels=labels, classes=names)
    save_predictions(folder, SavedPredictions(predictions=predictions, samples=saved.samples))
    record = record.model_copy(update={"files": {FILE_NAME: sha256_of(folder / FILE_NAME)}})
    write_record(folder, record)
    return folder, record


def listed(trials):
    """Give records the checksums of their predictions, which the factory leaves out."""
    return [
        (folder, record.model_copy(update={"files": {FILE_NAME: sha256_of(folder / FILE_NAME)}}))
        for folder, record in trials
    ]


def test_honest_trials_agree_whatever_the_order_of_their_images(make_trials):
    assert label_problems(listed([*make_trials("a"), *make_trials("b", accuracy=0.5)])) == []


def test_labels_that_were_set_to_the_predictions_differ_from_those_of_other_rows(make_trials):
    false = [forged(trial) for trial in make_trials("false", accuracy=0.8, seeds=2)]
    found = label_problems([*listed(make_trials("a")), *listed(make_trials("b", accuracy=0.6)), *false])
    assert found == [
        f"{folder.name}: the labels of 80 images differ from those of most rows on the same images {'f' * 12}"
        for folder, _ in false
    ]


def test_many_seeds_of_one_forged_row_do_not_outvote_two_honest_rows(make_trials):
    false = [forged(trial, flip=lambda labels_N: (labels_N + 1) % 3) for trial in make_trials("false", seeds=5)]
    honest = [*make_trials("a", seeds=1), *make_trials("b", seeds=1, accuracy=0.6)]
    found = label_problems([*false, *listed(honest)])
    assert len(found) == 5
    assert all(sentence.startswith("trial-") and "400 images" in sentence for sentence in found)


def test_where_one_row_stands_against_another_both_are_named(make_trials):
    false = forged(make_trials("false", accuracy=0.8, seeds=1)[0])
    found = label_problems([*listed(make_trials("a", seeds=1)), false])
    assert len(found) == 2
    assert all("one of which is wrong" in sentence for sentence in found)


def test_other_images_may_have_other_labels(make_trials):
    false = forged(make_trials("false", accuracy=0.8, seeds=1, fingerprint="e" * 64)[0])
    assert label_problems([*listed(make_trials("a")), false]) == []


def test_other_names_of_classes_are_named(make_trials):
    renamed = make_trials("false", seeds=1)[0]
    false = forged(renamed, classes=("x", "y", "z"), flip=lambda labels_N: labels_N)
    (sentence,) = label_problems([*listed([*make_trials("a"), *make_trials("b")]), false])
    assert "the names of the classes differ from those of most rows" in sentence


def of_other_images(trial, change):
    """Change the numbers of images, as somebody does who leaves out hard ones or gives them new names."""
    folder, record = trial
    saved = load_predictions(folder)
    save_predictions(folder, SavedPredictions(predictions=saved.predictions, samples=change(saved.samples.copy())))
    return listed([(folder, record)])[0]


def renamed(samples):
    samples[:3] += 10**6
    return samples


def test_hard_images_with_new_names_are_found(make_trials):
    false = [of_other_images(trial, renamed) for trial in make_trials("false", seeds=2)]
    found = label_problems([*listed(make_trials("a")), *listed(make_trials("b")), *false])
    assert found == [
        f"{folder.name}: its predictions are not for the images {'f' * 12} that most rows have" for folder, _ in false
    ]


def test_where_one_row_has_other_images_than_the_only_other_both_are_named(make_trials):
    false = of_other_images(make_trials("false", seeds=1)[0], renamed)
    found = label_problems([*listed(make_trials("a", seeds=1)), false])
    assert len(found) == 2
    assert all("as many other rows, one of which is wrong, have" in sentence for sentence in found)


def test_folds_have_images_of_their_own(make_trials):
    folder, record = make_trials("fold", seeds=1)[0]
    data = record.data.model_copy(update={"fingerprint": "e" * 64, "whole_fingerprint": "f" * 64})
    fold = of_other_images((folder, record.model_copy(update={"data": data})), renamed)
    assert label_problems([*listed(make_trials("a")), fold]) == []
