"""Which classes of a head a name may mean."""

from __future__ import annotations

import pytest

from harness.planning.class_index import ClassIndex
from zoo.class_list import ClassList

BIRDS = ClassIndex(
    ClassList(
        names=("crane", "honey bee, bee", "crane", "White Shark", "white shark"),
        ids=("n00000001", "n02206856", "n00000003", "n00000004", "n00000005"),
    )
)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("n02206856", {1}),
        ("N02206856-something else", {1}),
        ("n09999999", set()),
        ("honey bee, bee", {1}),
        ("Bee", {1}),
        ("honeybee", {1}),
        ("HONEY_BEE", {1}),
        ("crane", {0, 2}),
        ("white shark", {4}),
        ("White Shark", {3}),
        ("white-shark", {3, 4}),
        ("shark", set()),
        ("3", set()),
    ],
)
def test_a_name_means_every_class_that_it_may_be(name: str, columns: set[int]) -> None:
    assert BIRDS.find(name) == columns


def test_a_number_is_an_index_only_where_one_is_expected() -> None:
    assert BIRDS.find("3", by_index=True) == {3}
    assert BIRDS.find("5", by_index=True) == set(), "there are five classes"


def test_near_names_are_those_of_classes() -> None:
    assert BIRDS.near("honye bee") == ["honey bee, bee"]
    assert BIRDS.near("xylophone") == []
