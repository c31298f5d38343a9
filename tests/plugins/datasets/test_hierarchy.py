"""Class hierarchies of your own images; those of folders and tables are tested with their datasets."""

from __future__ import annotations

import pytest

from plugins.datasets._hierarchy import from_groups
from zoo.errors import DataError

INDEX_OF = {"ant": 0, "Ant ": 0, "dog": 1}


def test_spellings_of_a_class_are_one_class_and_names_are_tidied() -> None:
    found = [("ant", (" insect",)), ("Ant ", ("insect",)), ("dog", ())]
    hierarchy = from_groups(("ant", "dog"), INDEX_OF, found, source="table")
    assert hierarchy is not None
    assert hierarchy.ancestors == (("insect",), ())


def test_no_groups_are_no_hierarchy() -> None:
    assert from_groups(("ant", "dog"), INDEX_OF, [("ant", ()), ("dog", ())], source="table") is None


def test_a_class_that_is_a_group_too_is_refused() -> None:
    with pytest.raises(DataError, match="table: class 'dog' is also a group of other classes"):
        from_groups(("ant", "dog"), INDEX_OF, [("ant", ("dog",)), ("dog", ())], source="table")
