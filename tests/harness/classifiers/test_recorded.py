"""Cards in the headers of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.classifiers.recorded import card_in
from zoo.errors import StoreError


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"no weights", "neither a trial checkpoint nor a safetensors file"),
        (len(b"{}").to_bytes(8, "little") + b"{}", "has no classifier card"),
        (b"", "neither"),
    ],
)
def test_a_file_without_a_card_is_refused_with_the_way_to_make_one(content: bytes, problem: str) -> None:
    with pytest.raises(StoreError, match=problem) as caught:
        card_in(Path("a.safetensors"), content)
    assert "zoo import" in str(caught.value)
