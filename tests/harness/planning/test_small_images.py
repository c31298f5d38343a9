"""The small-image rule: below 64 pixels, where the architecture can be adapted."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.planning.small_images import adapts_by_default


@pytest.mark.parametrize(("size", "adapts", "expected"), [(63, True, True), (64, True, False), (32, False, False)])
def test_small_images_adapt_what_can_be_adapted(size: int, adapts: bool, expected: bool) -> None:
    assert adapts_by_default(SimpleNamespace(adapts_small_images=adapts), size) == expected
