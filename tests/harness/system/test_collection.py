"""Collection: paused while much is made, and not made up for right after."""

from __future__ import annotations

import gc

from harness.system.collection import without_collection


def test_what_was_made_without_collection_is_not_walked_through_right_after():
    gc.collect()
    with without_collection():
        assert not gc.isenabled()
        objects = [[] for _ in range(10_000)]
        cycle = objects[0]
        cycle.append(cycle)
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    assert not any(each is cycle for each in gc.get_objects(generation=0))
    assert any(each is cycle for each in gc.get_objects()), "a later collection still frees it"
