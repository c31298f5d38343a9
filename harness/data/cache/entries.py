"""Cache entries: the content of the cache, found by path and name without following links. Does not import torch.

=================  ============================================================================================
kind               location
=================  ============================================================================================
``decoded``        ``decoded/NAME-KEY/``: a prepared dataset; ``…-streamed/`` if its images are not kept decoded
``features``       ``features/NAME-KEY/``: outputs of a frozen backbone for a dataset's images
``given``          ``given/NAME-KEY/``: images that were given in Python; the same call gives them again
``models``         ``timm-VERSION-models-….json`` and the like: a library's list of models
``tuning``         ``tuning/*.json``: the fastest settings for a network on this machine
``tar``            ``tar/*.json``: positions of the members of tar files
``compile``        ``compiled/``: the compiler's own cache
``remote``         ``remote/BENCH/``: files of trials that this machine ran for a bench on another machine
``leftovers``      ``.tmp-…`` in any of these: left by a process that died while writing
``downloads``      ``data/``: datasets that were downloaded or put there; listed but never removed
=================  ============================================================================================

Other files are not from zoo, and are neither listed nor removed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout
from pydantic import ValidationError

from harness.data.array_files import load_array
from harness.data.cache.feature_files import FEATURE_FACTS_FILE, FEATURES_FOLDER, SPLITS, VIEW_SUFFIX
from harness.data.cache_layout import FACTS_FILE, STREAMED_SUFFIX, is_used, lock_of
from harness.data.images import PreparedData
from harness.data.photographs.store import WholeStore
from harness.records.store import Store
from harness.system.atomic_files import TEMPORARY_PREFIX
from zoo.files.cache import DECODED_FOLDER
from zoo.files.plain_files import FACTS, read_bytes
from zoo.names import slug

Kind = Literal["decoded", "features", "given", "models", "tuning", "tar", "compile", "remote", "leftovers", "downloads"]

_PREPARED = re.compile(rf"(?P<name>.+)-[0-9a-f]{{20}}({STREAMED_SUFFIX})?")
_STALE = re.compile(rf"{re.escape(TEMPORARY_PREFIX)}(?P<key>.+-[0-9a-f]{{20}})-.+")
_MODEL_LIST = re.compile(r"(timm|torchvision)-.+-models-.+\.json")
_BENCH = re.compile(r"[0-9a-f]{20}")
_HEX_FILE = re.compile(r"[0-9a-f]{16,64}\.json")
_PREPARED_FILE = re.compile(
    r"data\.json|(train|val|test(-sample)?)-(images|labels|samples|places|states|paths|shapes)\.npy"
    r"|(val|test)-(ids|groups)\.npy|(train|val|test(-sample)?)-(encoded|whole)\.bin"
    r"|(fold-\d+|resplit-\d+(-fold-\d+)?)(\.json|-(train|val|test)\.npy)|pool-sums\.npy"
    rf"|{re.escape(TEMPORARY_PREFIX)}.+"
)
_FEATURE_FILE = re.compile(
    rf"({'|'.join(SPLITS)})({VIEW_SUFFIX}\d+)?\.npy|{re.escape(FEATURE_FACTS_FILE)}|speed-[0-9a-f]{{20}}\.json"
    rf"|{re.escape(TEMPORARY_PREFIX)}.+"
)
_GIVEN = re.compile(r".+-[0-9a-f]{16}")
_GIVEN_FILE = re.compile(r"(train|val|test)\.parquet|notes\.json")
GIVEN_FOLDER = "given"
REMOTE_FOLDER = "remote"
TEMPORARY_FILE_SECONDS = 3600
"""Age from which a temporary file without a lock counts as left behind; writing one takes less than a second."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheEntry:
    """An entry of the cache."""

    name: str
    """Name for ``zoo cache clear``."""
    kind: Kind
    path: Path
    num_bytes: int
    last_used: float
    """Seconds since 1970, in UTC."""
    title: str = ""
    """Name of the dataset, if it is one."""
    num_images: int | None = None
    in_use: bool = False
    """Whether a process is preparing it, or running trials on it."""
    files: tuple[Path, ...] = field(default=(), repr=False)
    """Files of the entry, if it is not a whole folder."""


def list_cache(root: Path, *, now: float) -> list[CacheEntry]:
    """Return the entries of the cache, the largest first within each kind.

    Args:
        now: Seconds since 1970, to tell files left behind from those being written.
    """
    decoded = list(_decoded(root / DECODED_FOLDER))
    entries = [
        *decoded,
        *_features(root / FEATURES_FOLDER),
        *_given(root / GIVEN_FOLDER, decoded, now),
        *_files("models", root, _MODEL_LIST),
        *_files("tuning", root / "tuning", _HEX_FILE),
        *_files("tar", root / "tar", _HEX_FILE),
        *_tree("compile", root / "compiled"),
        *_remote(root / REMOTE_FOLDER),
        *_tree("downloads", root / "data"),
    ]
    left = [file for folder in (root, root / "tuning", root / "tar") for file in _left_files(folder, now)]
    if left:
        entries.append(_entry_of_files("leftovers", root, left))
    order: tuple[Kind, ...] = (
        "decoded",
        "features",
        "given",
        "models",
        "tuning",
        "tar",
        "compile",
        "remote",
        "leftovers",
        "downloads",
    )
    return sorted(entries, key=lambda entry: (order.index(entry.kind), -entry.num_bytes, entry.name))


def is_prepared_file(name: str) -> bool:
    """Return whether the name is that of a file of prepared data."""
    return _PREPARED_FILE.fullmatch(name) is not None


def is_feature_file(name: str) -> bool:
    """Return whether the name is that of a file of features."""
    return _FEATURE_FILE.fullmatch(name) is not None


def key_of_leftover(name: str) -> str:
    """Return the ``NAME-KEY`` in the temporary name of a folder under preparation, or an empty string."""
    match = _STALE.fullmatch(name)
    return match["key"] if match else ""


def is_locked(folder: Path) -> bool:
    """Return whether a process is preparing, removing or using the data of *folder*."""
    if not lock_of(folder).exists():
        return False
    try:
        with FileLock(lock_of(folder), timeout=0):
            return is_used(folder)
    except Timeout:
        return True
    except OSError:  # nothing can be removed from a read-only cache anyway
        return False


def scan_folder(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield the entries of *folder*, sorted by name; none if it is a link or does not exist."""
    if folder.is_symlink() or not folder.is_dir():
        return
    with os.scandir(folder) as found:
        yield from sorted(found, key=lambda each: each.name)


def _decoded(folder: Path) -> Iterator[CacheEntry]:
    for found in scan_folder(folder):
        if not found.is_dir(follow_symlinks=False):
            continue
        path = Path(found.path)
        num_bytes, last_used = _measure(path)
        match = _PREPARED.fullmatch(found.name)
        if match:
            facts = path / FACTS_FILE
            try:
                num_images = _num_images(read_bytes(facts, FACTS))
                last_used = facts.lstat().st_mtime
            except (OSError, ValidationError):  # damaged, and will be prepared again
                num_images = None
            yield CacheEntry(
                name=found.name,
                kind="decoded",
                path=path,
                num_bytes=num_bytes,
                last_used=last_used,
                title=match["name"],
                num_images=num_images,
                in_use=is_locked(path),
            )
        elif (key := key_of_leftover(found.name)) and not is_locked(folder / key):
            yield CacheEntry(name=found.name, kind="leftovers", path=path, num_bytes=num_bytes, last_used=last_used)


def _features(folder: Path) -> Iterator[CacheEntry]:
    for found in scan_folder(folder):
        path = Path(found.path)
        if not found.is_dir(follow_symlinks=False):
            continue
        num_bytes, last_used = _measure(path)
        if match := _PREPARED.fullmatch(found.name):
            yield CacheEntry(
                name=found.name,
                kind="features",
                path=path,
                num_bytes=num_bytes,
                last_used=last_used,
                title=match["name"],
                num_images=_num_features(path),
                in_use=is_locked(path),
            )
        elif (key := key_of_leftover(found.name)) and not is_locked(folder / key):
            yield CacheEntry(name=found.name, kind="leftovers", path=path, num_bytes=num_bytes, last_used=last_used)


def _given(folder: Path, decoded: list[CacheEntry], now: float) -> Iterator[CacheEntry]:
    used = {entry.title for entry in decoded if entry.in_use}
    for found in scan_folder(folder):
        path = Path(found.path)
        if not found.is_dir(follow_symlinks=False):
            continue
        num_bytes, last_used = _measure(path)
        if _GIVEN.fullmatch(found.name):
            name = f"given:{found.name}"
            yield CacheEntry(
                name=found.name,
                kind="given",
                path=path,
                num_bytes=num_bytes,
                last_used=last_used,
                title=name,
                in_use=slug(name) in used,
            )
        elif found.name.startswith(TEMPORARY_PREFIX) and now - last_used > TEMPORARY_FILE_SECONDS:
            yield CacheEntry(name=found.name, kind="leftovers", path=path, num_bytes=num_bytes, last_used=last_used)


def is_given_file(name: str) -> bool:
    """Return whether the name is that of a file of images that were given in Python."""
    return _GIVEN_FILE.fullmatch(name) is not None


def _num_features(folder: Path) -> int:
    """Return for how many images a folder has features."""
    total = 0
    for split in SPLITS:
        try:
            total += len(load_array(folder / f"{split}.npy", mapped=True))
        except (OSError, ValueError):  # not there, or damaged
            continue
    return total


def _num_images(facts: bytes) -> int:
    """Return the number of images of prepared data, or of whole training images."""
    try:
        return WholeStore.model_validate_json(facts).num_images
    except ValidationError:
        prepared = PreparedData.model_validate_json(facts)
        return prepared.num_train + prepared.num_val + prepared.num_test


def _remote(folder: Path) -> Iterator[CacheEntry]:
    for found in scan_folder(folder):
        if found.is_dir(follow_symlinks=False) and _BENCH.fullmatch(found.name):
            path = Path(found.path)
            num_bytes, last_used = _measure(path)
            yield CacheEntry(
                name=found.name,
                kind="remote",
                path=path,
                num_bytes=num_bytes,
                last_used=last_used,
                in_use=runs_trials(path),
            )


def runs_trials(folder: Path) -> bool:
    """Return whether this machine is running a trial of a bench on another machine, given the bench's folder."""
    store = Store(folder)
    return any(store.is_held(each.name) for each in scan_folder(folder))


def _files(kind: Kind, folder: Path, pattern: re.Pattern[str]) -> Iterator[CacheEntry]:
    found = [
        Path(each.path)
        for each in scan_folder(folder)
        if each.is_file(follow_symlinks=False) and pattern.fullmatch(each.name)
    ]
    if found:
        yield _entry_of_files(kind, folder, found)


def _left_files(folder: Path, now: float) -> Iterator[Path]:
    for each in scan_folder(folder):
        if not (each.name.startswith(TEMPORARY_PREFIX) and each.is_file(follow_symlinks=False)):
            continue
        if now - each.stat(follow_symlinks=False).st_mtime > TEMPORARY_FILE_SECONDS:
            yield Path(each.path)


def _tree(kind: Kind, folder: Path) -> Iterator[CacheEntry]:
    if any(scan_folder(folder)):
        num_bytes, last_used = _measure(folder)
        yield CacheEntry(name=kind, kind=kind, path=folder, num_bytes=num_bytes, last_used=last_used)


def _entry_of_files(kind: Kind, place: Path, files: list[Path]) -> CacheEntry:
    states = [file.lstat() for file in files]
    return CacheEntry(
        name=kind,
        kind=kind,
        path=place,
        num_bytes=sum(state.st_size for state in states),
        last_used=max(state.st_mtime for state in states),
        files=tuple(files),
    )


def _measure(folder: Path) -> tuple[int, float]:
    """Return the total size and the latest modification time of the files below *folder*, without links."""
    num_bytes, latest = 0, folder.lstat().st_mtime
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            if not path.is_symlink():
                state = path.lstat()
                num_bytes += state.st_size
                latest = max(latest, state.st_mtime)
    return num_bytes, latest
