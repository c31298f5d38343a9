"""Class hierarchies: groups of classes, levels and distances."""

from __future__ import annotations

import numpy as np
import pytest

from zoo import ClassHierarchy

ANIMALS = ClassHierarchy(
    classes=("ant", "bee", "cat", "rock"),
    ancestors=(("animal", "insect"), ("animal", "insect"), ("animal", "mammal"), ()),
)


def test_distances_count_the_edges_to_the_closest_common_group_and_back() -> None:
    np.testing.assert_array_equal(
        ANIMALS.distances,
        [
            [0, 2, 4, 4],  # ant and cat meet at animal, ant and rock at the root
            [2, 0, 4, 4],
            [4, 4, 0, 4],
            [4, 4, 4, 0],
        ],
    )
    assert not ANIMALS.distances.flags.writeable


def test_distances_of_classes_of_unequal_depth() -> None:
    found = ClassHierarchy(classes=("ant", "cat"), ancestors=(("animal", "insect"), ("animal",))).distances
    np.testing.assert_array_equal(found, [[0, 3], [3, 0]])


def test_a_level_has_the_groups_there_and_classes_without_one_by_themselves() -> None:
    names, group_K = ANIMALS.level(0)
    assert (names, group_K.tolist()) == (("animal", "rock"), [0, 0, 0, 1])
    names, group_K = ANIMALS.level(1)
    assert (names, group_K.tolist()) == (("insect", "mammal", "rock"), [0, 0, 1, 2])
    assert ANIMALS.level(7)[0] == ANIMALS.classes
    assert ANIMALS.num_levels == 2


def test_groups_of_the_same_name_under_different_ones_are_different() -> None:
    found = ClassHierarchy(classes=("a", "b"), ancestors=(("red", "other"), ("blue", "other")))
    assert found.level(1)[1].tolist() == [0, 1]
    assert found.distances[0, 1] == 6


def test_parents_by_name_make_a_hierarchy() -> None:
    parents = {"ant": "insect", "bee": "insect", "cat": "mammal", "insect": "animal", "mammal": "animal"}
    assert ClassHierarchy.from_parents(ANIMALS.classes, parents) == ANIMALS


@pytest.mark.parametrize(
    ("parents", "message"),
    [
        ({"a": "b", "b": "c", "c": "b"}, "class 'a' is below 'b', which is below itself"),
        ({"a": "a"}, "class 'a' is below 'a', which is below itself"),
        ({"x": "y"}, "none of the 2 classes has a parent, such as 'a'"),
        ({"a": "z"}, "class 'z' is also a group"),
    ],
)
def test_parents_that_make_no_tree_are_refused(parents: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClassHierarchy.from_parents(("a", "z"), parents)


@pytest.mark.parametrize(
    ("classes", "ancestors", "message"),
    [
        (("a", "b"), ((),), "1 rows of groups for 2 classes"),
        ((), (), "0 rows of groups for 0 classes"),
        (("a", "b"), (("",), ()), "the groups of class 'a' must have names"),
        (
            ("dog", "puppy"),
            (("animal",), ("animal", "dog")),
            "class 'dog' is also a group of other classes: 'animal/dog'",
        ),
    ],
)
def test_what_is_no_tree_over_the_classes_is_refused(
    classes: tuple[str, ...], ancestors: tuple[tuple[str, ...], ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ClassHierarchy(classes=classes, ancestors=ancestors)
