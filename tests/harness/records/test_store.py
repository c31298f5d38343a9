"""The store: records that are whole, or said to be damaged."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from harness.records.record import SCHEMA_VERSION, Outcome, Record
from harness.records.store import (
    RECORD_FILE,
    DamagedRecordError,
    Store,
    end_of,
    is_settled,
    keeps_states,
    read_record,
    trial_id,
    write_record,
)
from harness.records.trial_lock import LOCK_FILE
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


def test_a_record_that_was_laid_out_anew_or_written_by_an_earlier_version_is_read(
    store: Store, small_record: Record
) -> None:
    path = store.folder("t") / RECORD_FILE
    content = json.loads(path.read_bytes())
    path.write_text(json.dumps(content, indent=1))
    assert read_record(path) == small_record
    del content["text_sha256"]
    path.write_text(json.dumps(content))
    assert read_record(path) == small_record
    path.write_text(json.dumps({**content, "reason": "other"}))
    with pytest.raises(DamagedRecordError, match="checksum does not match"):
        read_record(path)


def test_a_record_as_it_was_written_is_parsed_once_and_still_checked(
    store: Store, small_record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = store.folder("t") / RECORD_FILE
    dataset = small_record.spec.dataset.model_copy(update={"display_name": "set"})  # not one that is no UTF-8
    spec = small_record.spec.model_copy(update={"dataset": dataset})
    small_record = small_record.model_copy(update={"spec": spec})
    write_record(path.parent, small_record)
    with monkeypatch.context() as patch:
        patch.setattr("harness.records.store.parse_object", None)  # the way around is not taken
        assert read_record(path) == small_record
    write_record(path.parent, small_record.model_copy(update={"seconds": {"total": -1.0}}))
    with pytest.raises(DamagedRecordError, match=r"seconds\.total is -1\.0"):
        read_record(path)
    write_record(path.parent, small_record.model_copy(update={"schema_version": SCHEMA_VERSION + 1}))
    with pytest.raises(StoreError, match="newer zoo is needed"):
        read_record(path)


def test_the_checksum_of_the_text_is_that_of_what_precedes_both(store: Store) -> None:
    content = (store.folder("t") / RECORD_FILE).read_bytes()
    text, tail = content.split(b',\n  "sha256": ')
    assert json.loads(b'{"sha256": ' + tail)["text_sha256"] == hashlib.sha256(text).hexdigest()


def test_a_newer_schema_is_refused_in_a_sentence(store: Store) -> None:
    path = store.folder("t") / RECORD_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": SCHEMA_VERSION + 1}))
    with pytest.raises(StoreError, match="newer zoo is needed"):
        read_record(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"{}", b"\xff\xfe", b'{"outcome": 1}'])
def test_a_file_that_is_not_a_record_is_reported_as_such(store: Store, content: bytes) -> None:
    path = store.folder("t") / RECORD_FILE
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"record\.json"):
        read_record(path)


def test_a_damaged_record_is_put_aside_and_every_one_of_them_is_kept(store: Store, small_record: Record) -> None:
    folder = store.folder("t")
    for number, content in enumerate((b"{", b'{"outcome": "done"}'), start=1):
        (folder / RECORD_FILE).write_bytes(content)
        with pytest.raises(DamagedRecordError):
            store.read("t")
        assert store.set_aside("t") == folder / f"record.damaged-{number}.json"
        assert store.read("t") is None
    assert (folder / "record.damaged-1.json").read_bytes() == b"{"
    write_record(folder, small_record)
    assert store.set_aside("t") is None
    assert store.read("t") == small_record


def test_a_record_is_not_put_aside_while_another_process_is_at_its_trial(store: Store) -> None:
    folder = store.folder("t")
    (folder / RECORD_FILE).write_bytes(b"{")
    with FileLock(folder / LOCK_FILE):
        assert store.set_aside("t") is None
    assert (folder / RECORD_FILE).read_bytes() == b"{"


def test_a_record_that_a_newer_zoo_wrote_is_not_a_damaged_one(store: Store, small_record: Record) -> None:
    content = {**small_record.model_dump(mode="json"), "schema_version": SCHEMA_VERSION + 1}
    (store.folder("t") / RECORD_FILE).write_text(json.dumps(content))
    with pytest.raises(StoreError, match="newer zoo"):
        store.set_aside("t")
    assert (store.folder("t") / RECORD_FILE).exists()


def stored(store: Store, record: Record, name: str) -> Path:
    """Write a record into the folder *name*."""
    folder = store.folder(name)
    folder.mkdir(parents=True)
    write_record(folder, record.model_copy(update={"trial_id": name}))
    return folder


def test_a_trial_is_found_in_a_folder_that_was_named_after_its_short_name(tmp_path: Path, small_record: Record) -> None:
    store, spec, key = Store(tmp_path), small_record.spec, small_record.result_key
    usual = trial_id(spec, key)
    assert store.ids_of([(spec, key)]) == [usual]
    old = f"net--set--quick--{end_of(usual)}"
    stored(store, small_record, old)
    other = spec.model_copy(update={"seed": spec.seed + 1})
    assert store.ids_of([(spec, key), (other, key), (spec, "f" * 64)]) == [
        old,
        trial_id(other, key),
        trial_id(spec, "f" * 64),
    ]


def test_of_two_folders_of_a_trial_the_finished_one_is_taken(tmp_path: Path, small_record: Record) -> None:
    store, spec, key = Store(tmp_path), small_record.spec, small_record.result_key
    usual = trial_id(spec, key)
    old = f"net--set--quick--{end_of(usual)}"
    stored(store, small_record, old)
    store.folder(usual).mkdir()
    assert store.ids_of([(spec, key)]) == [old]
    write_record(store.folder(usual), small_record)
    assert store.ids_of([(spec, key)]) == [usual]


def test_a_record_that_paused_is_final_only_for_a_run_that_would_not_go_further(small_record: Record) -> None:
    def paused(epoch: int | None, outcome: Outcome = Outcome.DONE) -> Record:
        spec = small_record.spec
        execution = spec.execution.model_copy(update={"pause_after": epoch})
        changed = {"spec": spec.model_copy(update={"execution": execution}), "outcome": outcome}
        return small_record.model_copy(update=changed)

    key = small_record.result_key
    settled = {
        (have, want): is_settled(paused(have), key, retry=False, pause_after=want)
        for have in (3, None)
        for want in (1, 3, 9, None)
    }
    assert [want for (have, want), final in settled.items() if have == 3 and final] == [1, 3]
    assert [want for (have, want), final in settled.items() if have is None and final] == [1, 3, 9, None]
    assert [keeps_states(paused(epoch)) for epoch in (3, None)] == [True, False]
    assert keeps_states(paused(None, Outcome.INTERRUPTED))
