"""Choosing which split is tested on."""

from __future__ import annotations

import numpy as np
import pytest

from plugins.datasets._assembly import assemble
from zoo import Split
from zoo.errors import DataError, UsageError


def splits_of(*names: str) -> dict[str, Split]:
    labels = np.array([0, 1], dtype=np.int64)
    return {name: Split(labels=labels, encoded=[b"a", b"b"], ids=[f"{name}/0", f"{name}/1"]) for name in names}


def test_validation_images_are_the_test_split_where_that_is_asked_for() -> None:
    """In train/ and val/ without test/, the commonest layout, val/ is what the published numbers are of."""
    splits = assemble(("a", "b"), splits_of("train", "val"), {"test": "val"}, source="folder: x")
    assert splits.val is None
    assert splits.test is not None
    assert splits.test.ids == ["val/0", "val/1"]
    assert "2 validation images of the source are the test split" in splits.notes[0]


def test_a_source_with_validation_images_and_no_test_says_that_it_can_be_asked_for() -> None:
    splits = assemble(("a", "b"), splits_of("train", "val"), {"test": ""}, source="folder: x")
    assert splits.test is None
    assert "data.test=val" in splits.notes[0]
    assert assemble(("a", "b"), splits_of("train", "val", "test"), {}, source="folder: x").notes == ()


@pytest.mark.parametrize(
    ("names", "choice", "message"),
    [
        (("train",), "val", "has no validation images, but data.test=val means to test on them"),
        (("train", "val", "test"), "val", "has a test split of its own"),
        (("val", "test"), "", "no training images"),
    ],
)
def test_splits_that_cannot_be_assembled_give_one_sentence(names: tuple[str, ...], choice: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        assemble(("a", "b"), splits_of(*names), {"test": choice}, source="folder: x")


def test_an_unknown_choice_is_a_mistake_of_the_user() -> None:
    with pytest.raises(UsageError, match="not 'dev'"):
        assemble(("a", "b"), splits_of("train"), {"test": "dev"}, source="folder: x")
