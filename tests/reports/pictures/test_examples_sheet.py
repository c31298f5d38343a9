"""The sheet of examples: what is drawn, and why there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reports.pictures import examples_sheet as module
from reports.pictures.examples_sheet import examples_sheet
from zoo.errors import StoreError


class Images:
    """Stands for the images of one dataset."""

    def pixels(self, sample: int) -> np.ndarray:
        return np.full((8, 8, 1), sample % 256, dtype=np.uint8)


@pytest.fixture
def asked(monkeypatch):
    """The fingerprints that were looked for; all of them are found."""
    found = []
    monkeypatch.setattr(module, "find_thumbnails", lambda cache, fingerprint: found.append(fingerprint) or Images())
    return found


def test_images_of_each_kind_are_drawn(make_trials, asked, tmp_path):
    trials = make_trials(seeds=2)
    small, large = (examples_sheet(trials, cache=tmp_path, num_each=each) for each in (2, 4))
    assert large.width > small.width
    assert asked == ["f" * 64] * 2


def test_trials_of_different_rows_are_refused(make_trial, asked, tmp_path):
    with pytest.raises(StoreError, match="not seeds of one row"):
        examples_sheet([make_trial("a"), make_trial("b")], cache=tmp_path, num_each=1)


def test_missing_predictions_are_named(make_trial, asked, tmp_path):
    with pytest.raises(StoreError, match=r"no examples to show: predictions\.safetensors of seed 0 is missing"):
        examples_sheet([make_trial(predictions=False)], cache=tmp_path, num_each=1)


def test_images_that_are_not_in_the_cache_are_named(make_trial, tmp_path):
    with pytest.raises(StoreError, match="run the same zoo bench again"):
        examples_sheet([make_trial()], cache=Path(tmp_path), num_each=1)
