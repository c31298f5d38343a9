"""Class names: mapped where they are certain, and refused with the doubtful ones otherwise."""

from __future__ import annotations

import pytest

from harness.retesting.class_names import map_by_name
from zoo.errors import DataError

KNOWN = ("apple tree", "birch", "cedar")


def mapped(*names: str) -> tuple[tuple[int, ...] | None, str]:
    found = map_by_name(names, KNOWN, title="site b", trained="photos")
    return found.columns, found.sentence


def test_the_same_classes_need_no_sentence() -> None:
    assert mapped(*KNOWN) == (None, "")


def test_another_order_is_mapped_by_name() -> None:
    assert mapped("cedar", "apple tree", "birch") == ((2, 0, 1), "classes in another order, by name")


def test_case_spaces_and_underscores_do_not_matter_and_are_told() -> None:
    assert mapped("Apple_Tree", "birch", "cedar") == ((0, 1, 2), "classes read 'Apple_Tree' as 'apple tree'")


def test_classes_without_images_are_told() -> None:
    assert mapped("cedar") == ((2,), "2 of the 3 classes have no images in it")


def test_unknown_classes_are_named_with_near_ones() -> None:
    with pytest.raises(DataError) as caught:
        mapped("birches", "cedar", "yew")
    assert str(caught.value) == (
        "site b: 2 classes not among the 3 of photos: 'birches' (near: 'birch'), 'yew'; give them the same names"
    )


def test_two_classes_are_never_merged() -> None:
    with pytest.raises(DataError, match="two of its classes would be 'birch'"):
        mapped("Birch", "birch")
