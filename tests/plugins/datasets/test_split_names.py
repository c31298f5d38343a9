"""Names of splits."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from plugins.datasets._split_names import role_of, split_of


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("Train", "train"),
        ("training_set", "train"),
        ("testset", "test"),
        ("val-images", "val"),
        ("eval", "val"),
        ("VALIDATION", "val"),
        ("train2017", "train"),
        ("train_val", "train"),
        ("trainval", "train"),
        ("train_test", ""),
        ("trainer", ""),
        ("train station", ""),
        ("images", ""),
        ("", ""),
    ],
)
def test_a_folder_stands_for_a_split_if_its_whole_name_does(name: str, role: str) -> None:
    assert role_of(name) == role


def test_a_files_split_is_mentioned_in_its_name_or_else_in_its_folders() -> None:
    assert split_of(PurePath("test/train-0001.tar")) == "train"
    assert split_of(PurePath("test/0001.tar")) == "test"
    assert split_of(PurePath("shards/0001.tar")) == ""
