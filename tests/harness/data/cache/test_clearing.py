"""Clearing the cache. :mod:`tests.harness.data.cache.test_entries` clears what a bench leaves there."""

from __future__ import annotations

from pathlib import Path

from harness.data.cache.clearing import clear
from harness.data.cache.entries import CacheEntry
from harness.data.cache_layout import FACTS_FILE, using


def prepared(root: Path) -> CacheEntry:
    folder = root / "decoded" / f"dots-{'0' * 20}"
    folder.mkdir(parents=True)
    (folder / FACTS_FILE).write_text("{}")
    (folder / "train-images.npy").write_bytes(b"x" * 100)
    return CacheEntry(name=folder.name, kind="decoded", path=folder, num_bytes=102, last_used=0.0)


def test_prepared_data_are_removed_and_their_bytes_counted(tmp_path: Path) -> None:
    entry = prepared(tmp_path)
    cleared = clear(entry)
    assert (cleared.num_bytes, cleared.left_because) == (102, "")
    assert not entry.path.exists()


def test_data_in_use_and_folders_with_foreign_files_are_left(tmp_path: Path) -> None:
    entry = prepared(tmp_path)
    with using([entry.path]):
        assert clear(entry).left_because == "it is in use"
    (entry.path / "thesis.txt").write_text("the only copy")
    assert "'thesis.txt'" in clear(entry).left_because
    assert (entry.path / "train-images.npy").exists()


def test_a_link_is_removed_and_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "photo.png").write_bytes(b"x")
    folder = tmp_path / "compiled"
    folder.mkdir()
    (folder / "link").symlink_to(outside)
    clear(CacheEntry(name="compile", kind="compile", path=folder, num_bytes=0, last_used=0.0))
    assert not folder.exists()
    assert (outside / "photo.png").exists()
