"""Split names: the words for training, validation and test splits in names of files, folders and columns."""

from __future__ import annotations

import re
from pathlib import PurePath

SPLIT_WORDS = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validate", "validation", "dev", "eval", "evaluation"), "val"),
    **dict.fromkeys(("test", "testing", "tst", "holdout"), "test"),
}

_DECORATIONS = frozenset({"set", "split", "data", "dataset", "image", "images", "img", "imgs"})
"""Words that may accompany the name of a split: ``test_set``, ``train-images``."""


def role_of(name: str) -> str:
    """Return the split that the whole name denotes: train, val, test or an empty string."""
    words = [word for word in re.split(r"[^a-z]+", name.lower()) if word]
    words = [word.removesuffix("set") for word in words if word not in _DECORATIONS]
    if words in (["train", "val"], ["trainval"]):  # as in Oxford's and Pascal's sets: what is not test
        return "train"
    return SPLIT_WORDS.get(words[0], "") if len(words) == 1 else ""


def split_of(path: PurePath) -> str:
    """Return the split in a file's name, else in its folder's name, and so on; an empty string if there is none."""
    for part in [path.stem, *reversed(path.parts[:-1])]:
        for word in re.findall("[a-z]+", part.lower()):
            if word in SPLIT_WORDS:
                return SPLIT_WORDS[word]
    return ""
