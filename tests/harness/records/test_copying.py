"""Copying trials: which ones are taken, and that they arrive whole or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from harness.records.copying import checked_trial, copy_trial, file_kind, is_file_name
from harness.records.record import Record
from harness.records.store import RECORD_FILE, read_record, trial_id, write_record
from harness.system.atomic_files import sha256_of
from zoo.errors import StoreError
from zoo.files.plain_files import HISTORY, PREDICTIONS, RECORD, WEIGHTS

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def trial(tmp_path: Path, small_record: Record) -> tuple[Path, Record]:
    """A trial with a history, weights, a log and a spec."""
    key = hashlib.sha256(b"key").hexdigest()
    folder = tmp_path / "store" / trial_id(small_record.spec, key)
    folder.mkdir(parents=True)
    for name in ("history.jsonl", "checkpoint.safetensors", "log.txt", "spec.json"):
        (folder / name).write_text(f"{name}\n")
    files = {name: sha256_of(folder / name) for name in ("history.jsonl", "checkpoint.safetensors")}
    record = small_record.model_copy(update={"result_key": key, "trial_id": folder.name, "files": files})
    write_record(folder, record)
    return folder, record


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """An empty store."""
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


def test_a_trial_is_copied_with_all_its_files(trial: tuple[Path, Record], target: Path) -> None:
    folder, record = trial
    assert checked_trial(folder) == record
    copy_trial(folder, record, target)
    copied = {path.name: path.read_bytes() for path in (target / folder.name).iterdir()}
    assert copied == {path.name: path.read_bytes() for path in folder.iterdir()}
    assert (target / folder.name).stat().st_mode & 0o055 == 0o055, "others may read it, as far as the umask allows"


def test_files_can_be_left_out_and_be_missing(trial: tuple[Path, Record], target: Path) -> None:
    folder, record = trial
    (folder / "checkpoint.safetensors").unlink()
    with pytest.raises(StoreError, match=r"checkpoint\.safetensors is missing"):
        checked_trial(folder)
    assert checked_trial(folder, optional=("checkpoint.safetensors",)) == record
    copy_trial(folder, record, target, without=("checkpoint.safetensors", "log.txt"))
    names = {path.name for path in (target / folder.name).iterdir()}
    assert names == {"history.jsonl", "spec.json", RECORD_FILE}


@pytest.mark.parametrize("name", ["spec.json", "history.jsonl", "log.txt", RECORD_FILE, "other"])
@pytest.mark.parametrize("attack", ["link", "pipe", "folder"])
def test_a_trial_with_anything_but_plain_files_is_refused(
    trial: tuple[Path, Record], tmp_path: Path, target: Path, name: str, attack: str
) -> None:
    folder, record = trial
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (folder / name).unlink(missing_ok=True)
    if attack == "link":
        (folder / name).symlink_to(secret)
    elif attack == "pipe":
        os.mkfifo(folder / name)
    else:
        (folder / name).mkdir()
    with pytest.raises(StoreError, match="is not a plain file"):
        checked_trial(folder)
    if name not in ("other", RECORD_FILE):
        with pytest.raises(OSError, match=r"it is a link|it is not a plain file|directory"):
            copy_trial(folder, record, target)
        assert not list(target.iterdir())


def test_a_folder_that_is_a_link_or_has_another_name_is_refused(trial: tuple[Path, Record], tmp_path: Path) -> None:
    folder, _ = trial
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(StoreError, match="is a link, not a folder"):
        checked_trial(tmp_path / "link")
    folder.rename(folder.parent / "other")
    with pytest.raises(StoreError, match="does not have the name of the trial in its record"):
        checked_trial(folder.parent / "other")


def test_a_name_that_does_not_follow_from_the_spec_is_refused(trial: tuple[Path, Record]) -> None:
    folder, record = trial
    other = folder.rename(folder.parent / folder.name.replace("s3", "s4"))
    write_record(other, record.model_copy(update={"trial_id": other.name}))
    with pytest.raises(StoreError, match="does not have the name of the trial in its record"):
        checked_trial(other)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", ".ssh", "..", "", "a/b", ".lock"])
def test_records_may_name_files_in_their_folder_only(trial: tuple[Path, Record], name: str) -> None:
    folder, record = trial
    assert not is_file_name(name)
    write_record(folder, record.model_copy(update={"files": {name: "0" * 64}}))
    with pytest.raises(StoreError, match="which is not a file in its folder"):
        checked_trial(folder)


def test_a_trial_that_changes_while_it_is_copied_is_not_added(trial: tuple[Path, Record], target: Path) -> None:
    folder, record = trial
    (folder / "history.jsonl").write_text("changed")
    with pytest.raises(StoreError, match="changed while it was copied"):
        copy_trial(folder, record, target)
    assert not list(target.iterdir())


def test_every_kind_of_file_has_its_limit() -> None:
    assert file_kind("checkpoint.safetensors") is WEIGHTS
    assert file_kind("predictions-onnx.safetensors") is PREDICTIONS
    assert file_kind(RECORD_FILE) is RECORD
    assert file_kind("log.txt") is HISTORY


def test_what_was_copied_can_be_read(trial: tuple[Path, Record], target: Path) -> None:
    folder, record = trial
    copy_trial(folder, record, target)
    assert read_record(target / folder.name / RECORD_FILE) == record
