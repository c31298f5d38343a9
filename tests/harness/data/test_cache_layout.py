"""Where prepared data are kept, and what keeps them there."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.data.cache_layout import FACTS_FILE, is_used, lock_of, streamed_folder, using
from zoo.errors import DataError


def test_data_with_and_without_decoded_images_share_a_lock(tmp_path: Path) -> None:
    folder = tmp_path / "dots-0123"
    assert streamed_folder(folder) == tmp_path / "dots-0123-streamed"
    assert lock_of(folder) == lock_of(streamed_folder(folder)) == tmp_path / "dots-0123.lock"


def test_data_are_in_use_while_they_are_used_and_not_after(tmp_path: Path) -> None:
    folder = tmp_path / "dots-0123"
    folder.mkdir()
    (folder / FACTS_FILE).write_text("{}")
    with using([folder, folder]):
        assert is_used(folder)
    assert not is_used(folder)


def test_using_what_has_been_removed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has been removed from the cache"), using([tmp_path / "dots-0123"]):
        pass
