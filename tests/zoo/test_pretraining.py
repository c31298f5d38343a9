"""What weights saw: the cases that are known, and those that nobody can know."""

from __future__ import annotations

import pytest

from zoo.pretraining import CONTAINS, Seen, seen


@pytest.mark.parametrize(
    ("pretraining", "test_images", "expected"),
    [
        (("imagenet1k",), ("imagenet1k",), Seen.YES),
        (("imagenet21k", "imagenet1k"), ("imagenet1k",), Seen.YES),
        (("imagenet21k",), ("imagenet1k",), Seen.YES),
        (("lvd142m",), ("imagenet1k",), Seen.YES),
        (("imagenet1k",), ("imagenet1k_val",), Seen.NO),
        (("imagenet1k",), ("food101",), Seen.NO),
        (("imagenet1k",), ("imagenet21k",), Seen.UNKNOWN),  # a part of where the test images come from
        (("laion", "imagenet1k"), ("food101",), Seen.UNKNOWN),
        (("laion", "imagenet1k"), ("imagenet1k",), Seen.YES),
        ((), ("food101",), Seen.UNKNOWN),
        (("imagenet1k",), (), Seen.UNKNOWN),
    ],
)
def test_what_is_known_of_weights_and_test_images(pretraining, test_images, expected):
    assert seen(pretraining, test_images) is expected


def test_what_contains_a_collection_contains_its_parts_too():
    for parts in CONTAINS.values():
        for part in parts:
            assert set(CONTAINS.get(part, ())) <= set(parts)
