"""The store: records that are whole, or said to be damaged."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from harness.record import SCHEMA_VERSION, Record
from harness.store import RECORD_FILE, Store, read_record, write_record
from zoo.errors import StoreError


@pytest.fixture
def store(tmp_path: Path, small_record: Record) -> Store:
    """A store with one record."""
    store = Store(tmp_path / "runs")
    store.create()
    store.folder("t").mkdir()
    write_record(store.folder("t"), small_record)
    return store


def test_a_record_is_read_as_it_was_written(store: Store, small_record: Record) -> None:
    assert store.read("t") == small_record
    assert [record for _, record in store.records()] == [small_record]


def test_a_moved_store_works(store: Store, tmp_path: Path, small_record: Record) -> None:
    """ray#21050: results could not be read after their folder was moved."""
    shutil.move(store.root, tmp_path / "elsewhere")
    assert [record for _, record in Store(tmp_path / "elsewhere").records()] == [small_record]


def test_no_flipped_bit_is_read_in_silence(store: Store, small_record: Record) -> None:
    path = store.folder("t") / RECORD_FILE
    content = path.read_bytes()
    wanted = small_record
    flips = [(offset, bit) for offset in range(len(content)) for bit in range(8)]
    noticed = 0
    for offset, bit in random.Random(0).sample(flips, 600):
        damaged = bytearray(content)
        damaged[offset] ^= 1 << bit
        path.write_bytes(bytes(damaged))
        try:
            assert read_record(path) == wanted  # white space is all that may change
        except StoreError:
            noticed += 1
    assert noticed > 500


def test_a_newer_schema_is_refused_in_a_sentence(store: Store) -> None:
    path = store.folder("t") / RECORD_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": SCHEMA_VERSION + 1}))
    with pytest.raises(StoreError, match="newer zoo is needed"):
        read_record(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"{}", b"\xff\xfe", b'{"outcome": 1}'])
def test_what_is_no_record_is_said_to_be_none(store: Store, content: bytes) -> None:
    path = store.folder("t") / RECORD_FILE
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"record\.json"):
        read_record(path)
