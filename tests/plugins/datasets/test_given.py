"""The dataset of given images reads what was kept, and nothing beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from plugins.datasets.given import load_given
from zoo import DataRequest, keep_images
from zoo.errors import DataError


def test_what_was_kept_is_read() -> None:
    name = keep_images((np.zeros((4, 3, 3), dtype=np.uint8), [0, 1, 0, 1]))
    splits = load_given(DataRequest(root=Path(), argument=name.partition(":")[2]))
    assert splits.train.labels.tolist() == [0, 1, 0, 1]
    assert splits.test is None


@pytest.mark.parametrize("name", ["../given", "a/b", ".tmp-x", ""])
def test_nothing_outside_is_read(name: str) -> None:
    with pytest.raises(DataError):
        load_given(DataRequest(root=Path(), argument=name))
