"""Requested sets: what each word stands for, and what is wrong with others."""

from __future__ import annotations

import pytest

from harness.data.corruptions.corruption import CORRUPTIONS
from harness.records.record import TestSetKind
from zoo.errors import ManyErrors, ZooError


def test_all_corruptions_are_asked_for_at_five_severities(request_sets) -> None:
    found = request_sets("corrupt:all")
    assert len(found) == 5 * len(CORRUPTIONS)
    assert {each.corruption for each in found} == set(CORRUPTIONS)
    assert {each.severity for each in found} == {1, 2, 3, 4, 5}
    assert request_sets("corrupt:all", "corrupt:fog") == found


def test_one_corruption_at_one_severity(request_sets) -> None:
    (only,) = request_sets("corrupt:fog@3")
    assert (only.name, only.kind, only.corruption, only.severity) == ("fog-3", TestSetKind.CORRUPTION, "fog", 3)


def test_another_dataset_has_the_name_that_is_given(request_sets) -> None:
    (only,) = request_sets("later=folder:photos 2027", data=["digits"], set={"data.image_size": 16})
    assert (only.name, only.kind) == ("later", TestSetKind.DATASET)
    assert (only.dataset.full_name, only.dataset.argument) == ("zoo/folder", "photos 2027")


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("corrupt:fogg", "no corruption is called 'fogg'; did you mean 'fog'?"),
        ("corrupt:fog@6", "expected a severity from 1 to 5 after @"),
        ("digits", "expected NAME=DATA"),
        ("a b=digits", "may have letters, digits and _"),
        ("slices=digits", "must not be corrupt or slices"),
        ("again=digits", "digits is what is trained on"),
        ("more=digitz", "no dataset is called 'digitz'"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(request_sets, word: str, sentence: str) -> None:
    with pytest.raises(ZooError) as caught:
        request_sets(word, data=["digits"])
    assert sentence in str(caught.value)


def test_mistakes_are_reported_together_and_names_are_given_once(request_sets) -> None:
    with pytest.raises(ManyErrors) as caught:
        request_sets("corrupt:fogg", "site=folder:a", "site=folder:b")
    assert len(caught.value.errors) == 2
    assert "two test sets are called 'site'" in str(caught.value)
    with pytest.raises(ZooError, match="folds are tested on other datasets only"):
        request_sets("slices", folds=3)


def test_folds_may_be_tested_on_the_split_that_they_leave_alone(request_sets) -> None:
    (only,) = request_sets("held=digits", data=["digits"], folds=3)
    assert (only.name, only.kind) == ("held", TestSetKind.DATASET)
