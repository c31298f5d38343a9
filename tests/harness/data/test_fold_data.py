"""The cached files of folds."""

from __future__ import annotations

import numpy as np

from harness.data.fold_data import copies_note, fold_facts_file
from harness.data.image_writer import WrittenSplit


def test_copies_in_other_folds_are_counted_and_those_in_one_fold_are_not() -> None:
    written = WrittenSplit(
        kept=np.arange(5), histogram=np.zeros((1, 256), dtype=np.int64), pixel_hashes=[b"x", b"x", b"y", b"y", b"z"]
    )
    (note,) = copies_note(written, np.array([0, 1, 2, 2, 0]))
    assert note.startswith("2 of 5 images have an identical copy in another fold")
    assert copies_note(written, np.zeros(5, dtype=np.int64)) == []


def test_each_fold_has_a_file_and_a_pattern_matches_all() -> None:
    assert (fold_facts_file(3), fold_facts_file("*")) == ("fold-3.json", "fold-*.json")
