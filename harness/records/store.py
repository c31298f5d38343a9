"""The store: a folder of records. A trial never changes another trial's files; stored paths are relative.

::

    runs/
      timm-resnet18--cifar10--sgd_step--s0--1f0c.../
        spec.json  record.json  history.jsonl  predictions.safetensors  val_predictions.safetensors
        checkpoint.safetensors  log.txt
      leaderboard.csv  leaderboard.json  leaderboard.md
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from harness.records.record import SCHEMA_VERSION, FailureKind, Outcome, Record
from harness.records.record_checks import number_problem
from harness.records.spec import FrozenModel, TrialSpec, stable_hash
from harness.records.state_files import state_files
from harness.records.trial_lock import LOCK_FILE, trial_lock
from harness.system.atomic_files import json_text, sync_folder, write_bytes
from zoo.errors import StoreError
from zoo.files.foreign_json import parse_object
from zoo.files.plain_files import RECORD, read_bytes
from zoo.names import slug
from zoo.text import plural

RECORD_FILE = "record.json"
SPEC_FILE = "spec.json"
HISTORY_FILE = "history.jsonl"
CHECKPOINT_FILE = "checkpoint.safetensors"
LOG_FILE = "log.txt"
_SUM, _TEXT_SUM = "sha256", "text_sha256"
_TAIL = re.compile(rb',\n  "sha256": "[0-9a-f]{64}",\n  "text_sha256": "([0-9a-f]{64})"\n}\n')
_TAIL_LENGTH = 2 * 64 + len(',\n  "": "",\n  "": ""\n}\n' + _SUM + _TEXT_SUM)

DataT = TypeVar("DataT", bound=FrozenModel)


class DamagedRecordError(StoreError):
    """A record is damaged: a disk, a crash or an editor changed it."""


def trial_id(spec: TrialSpec, result_key: str) -> str:
    """Return the folder name of a trial: readable, valid on any file system, unique through the key.

    It consists of full names, because a short name is no longer displayed once another plugin claims it too. The
    built-in namespace is left out.
    """
    dataset = f"{spec.dataset.full_name}:{spec.dataset.argument}" if spec.dataset.argument else spec.dataset.full_name
    parts = [name.removeprefix("zoo/") for name in (spec.architecture.full_name, dataset, spec.recipe.full_name)]
    return "--".join([*(slug(part, 32) for part in parts), _id_end(spec, result_key)])


def is_id_of(name: str, spec: TrialSpec, result_key: str) -> bool:
    """Return whether *name* is the folder name of a trial, or that of earlier versions, which used display names."""
    return len(name.split("--")) >= 5 and end_of(name) == _id_end(spec, result_key)


def end_of(name: str) -> str:
    """Return the end of a folder name, which contains the seed, the fold and the key."""
    return "--".join(name.split("--")[-2:])


def _id_end(spec: TrialSpec, result_key: str) -> str:
    fold = "" if spec.dataset.fold is None else f"f{spec.dataset.fold}"
    return f"s{spec.seed}{fold}--{result_key[:12]}"


class Store:
    """A folder of records."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def create(self) -> None:
        """Create the folder.

        Raises:
            StoreError: If the folder cannot be created.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"the folder {self.root} cannot be created: {error.strerror or error}") from error

    def folder(self, trial: str) -> Path:
        """Return a trial's folder, which may not exist yet."""
        return self.root / trial

    def ids_of(self, trials: Iterable[tuple[TrialSpec, str]]) -> list[str]:
        """Return the folder name of each trial, given by its spec and result key.

        If a folder with the same seed, fold and key exists, its name is used regardless of the plugin names in it; if
        there are several, one with a finished trial is preferred. Otherwise the name is that of :func:`trial_id`.
        """
        names = sorted(path.name for path in self.root.iterdir()) if self.root.is_dir() else []
        by_end: dict[str, list[str]] = {}
        for name in names:
            by_end.setdefault(end_of(name), []).append(name)
        return [self._id_among(by_end.get(_id_end(spec, key), []), spec, key) for spec, key in trials]

    def _id_among(self, names: Iterable[str], spec: TrialSpec, result_key: str) -> str:
        usual = trial_id(spec, result_key)
        candidates = [name for name in names if is_id_of(name, spec, result_key) and self.folder(name).is_dir()]
        if not candidates or candidates == [usual]:
            return usual
        return min(candidates, key=lambda name: (not self._is_done(name, result_key), name != usual, name))

    def _is_done(self, trial: str, result_key: str) -> bool:
        try:
            record = self.read(trial)
        except StoreError:
            return False
        return record is not None and is_settled(record, result_key, retry=True)

    def read(self, trial: str) -> Record | None:
        """Return a trial's record, or None if it has none.

        Raises:
            StoreError: If the record cannot be read.
        """
        path = self.folder(trial) / RECORD_FILE
        return read_record(path) if path.is_file() else None

    def is_held(self, trial: str) -> bool:
        """Return whether a process is running a trial or writing its record."""
        folder = self.folder(trial)
        if not (folder / LOCK_FILE).exists():
            return False
        with trial_lock(folder) as is_free:
            return not is_free

    def set_aside(self, trial: str) -> Path | None:
        """Rename a trial's damaged record, so that the trial can run again.

        Returns:
            The new path; None if another process is running the trial or has repaired it.
        """
        folder = self.folder(trial)
        with trial_lock(folder) as is_ours:
            if not is_ours:
                return None
            try:
                self.read(trial)
            except DamagedRecordError:
                kept = next(name for number in itertools.count(1) if not (name := _damaged(folder, number)).exists())
                os.replace(folder / RECORD_FILE, kept)
                sync_folder(folder)
                return kept
            return None

    def remove_states(self, trial: str) -> None:
        """Remove training states left behind by a process that was killed right after writing its record."""
        for path in state_files(self.folder(trial)):
            with contextlib.suppress(OSError):  # only space is lost; another process may have removed them already
                path.unlink()

    def records(self) -> Iterator[tuple[Path, Record]]:
        """Yield the folder and record of each trial, in alphabetical order.

        Raises:
            StoreError: If the store is missing, or a record cannot be read.
        """
        if not self.root.is_dir():
            raise StoreError(f"there is no folder {self.root}")
        for path in sorted(self.root.glob(f"*/{RECORD_FILE}")):
            yield path.parent, read_record(path)


def _damaged(folder: Path, number: int) -> Path:
    return folder / f"record.damaged-{number}.json"


def is_settled(record: Record, result_key: str, *, retry: bool, pause_after: int | None = None) -> bool:
    """Return whether a record is final, so that the trial need not run again.

    A full disk is not the trial's fault: the trial runs again without ``--retry``.

    Args:
        pause_after: Epoch after which the trial would pause; a record that paused earlier is not final.
    """
    paused = record.spec.execution.pause_after
    if record.outcome == Outcome.DONE and paused is not None and (pause_after is None or paused < pause_after):
        return False
    failure = "" if record.failure is None else record.failure.kind
    return record.result_key == result_key and is_final(record.outcome, failure, retry=retry)


def is_final(outcome: str, failure: str, *, retry: bool) -> bool:
    """Return whether a trial with an outcome, and a kind of failure if it has one, need not run again."""
    if outcome == Outcome.FAILED:
        return not retry and failure != FailureKind.DISK
    return outcome == Outcome.DONE


def is_disk_failure(record: Record) -> bool:
    """Return whether a trial failed because its files could not be written."""
    return record.failure is not None and record.failure.kind is FailureKind.DISK


def keeps_states(record: Record) -> bool:
    """Return whether a trial's training may go on from where it stopped."""
    is_paused = record.outcome is Outcome.DONE and record.spec.execution.pause_after is not None
    return is_paused or record.outcome is Outcome.INTERRUPTED or is_disk_failure(record)


def trial_folder(path: Path) -> Path:
    """Return the folder of a finished trial, given that or its record.

    Raises:
        StoreError: If it is none; with one of its trials, if it is a store.
    """
    folder = path.parent if path.name == RECORD_FILE else path
    if (folder / RECORD_FILE).is_file():
        return folder
    trials = sorted(each.parent for each in folder.glob(f"*/{RECORD_FILE}"))
    if trials:
        raise StoreError(f"{path} contains {plural(len(trials), 'trial')}; give one of them, such as {trials[0]}")
    raise StoreError(f"{path} is not a trial folder: it has no {RECORD_FILE}")


def write_record(folder: Path, record: Record) -> Path:
    """Write a trial's record durably, with checksums of its content."""
    path = folder / RECORD_FILE
    write_summed(path, record)
    return path


def write_summed(path: Path, model: FrozenModel) -> None:
    """Write JSON durably with two checksums of itself at the end, for :func:`parse_summed`.

    ``text_sha256`` is that of the text before the checksums, which is quick to check; ``sha256`` is that of the content
    as canonical JSON, which holds if the text is laid out anew.
    """
    content = model.model_dump(mode="json")
    text = json_text(content).rstrip()[:-2]
    text_sum = hashlib.sha256(text.encode()).hexdigest()
    tail = f'"{_SUM}": "{stable_hash(content)}",\n  "{_TEXT_SUM}": "{text_sum}"'
    write_bytes(path, f"{text},\n  {tail}\n}}\n".encode())


def read_record(path: Path) -> Record:
    """Read a record. Reading never executes any of the content.

    Raises:
        DamagedRecordError: If the record is damaged.
        StoreError: If the record cannot be read, has a newer schema, or has unknown fields or values.
    """
    try:
        content = read_bytes(path, RECORD)
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error
    return parse_record(content, origin=str(path))


def parse_record(content: bytes, *, origin: str) -> Record:
    """Parse the bytes of a record that comes from *origin*; see :func:`read_record` for errors."""
    return parse_summed(content, Record, SCHEMA_VERSION, what="a record", origin=origin)


def parse_summed(content: bytes, kind: type[DataT], schema_version: int, *, what: str, origin: str) -> DataT:
    """Parse JSON with checksums of itself, as written by :func:`write_summed`; earlier versions wrote only ``sha256``.

    Raises:
        DamagedRecordError: If the content is damaged, or has a number that is impossible.
        StoreError: If the schema is newer than *schema_version*, or the content is not *what* was expected.
    """
    if (quick := _as_written(content, kind, schema_version)) is not None:
        return quick
    try:
        raw = parse_object(content, numbers_are_checked=True)  # below
        version = raw.get("schema_version")
        if isinstance(version, int) and version > schema_version:
            raise StoreError(
                f"{origin} has schema version {version}; this zoo reads up to {schema_version}: a newer zoo is needed"
            )
        raw.pop(_TEXT_SUM, None)
        if raw.pop(_SUM, None) != stable_hash(raw):
            raise DamagedRecordError(f"{origin} is damaged: its checksum does not match its content")
        model = kind.model_validate(raw)
        if problem := number_problem(model):
            raise DamagedRecordError(f"{origin} cannot be right: {problem}")
        return model
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StoreError(f"{origin} is not {what}: {where}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise DamagedRecordError(f"{origin} cannot be read: {error}") from error


def _as_written(content: bytes, kind: type[DataT], schema_version: int) -> DataT | None:
    """Parse text that is exactly as it was written, in a third of the time; None: something needs a closer look."""
    tail = _TAIL.fullmatch(content, max(len(content) - _TAIL_LENGTH, 0))
    if tail is None:
        return None
    text = content[: tail.start()]
    if hashlib.sha256(text).hexdigest().encode() != tail[1]:
        return None
    try:
        model = kind.model_validate_json(text + b"}")
    except ValueError:
        return None
    is_newer = getattr(model, "schema_version", schema_version) > schema_version
    return None if is_newer or number_problem(model) else model
