"""Checks of datasets; the table in :mod:`zoo.testing.checks` gives their rationales.

Nothing is downloaded: if the data is not available, a check does not apply. Only the first few images are decoded.
 Shape suffixes: N images, H height, W width, C channels, K classes.
"""

from __future__ import annotations

import hashlib
import random
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harness.data.image_files import decoding, opening
from harness.data.images import PreparedData
from harness.data.prepare import load_splits, prepare_splits
from harness.data.settings import DataSettings
from harness.data.splitting import make_parts
from harness.records.spec import DatasetSpec, ProviderSpec
from zoo.dataset import DataRequest, Dataset, Split, Splits
from zoo.errors import DataError, ManyErrors, UsageError, ZooError
from zoo.preparation import Preparation
from zoo.testing.check_errors import CheckFailedError, NotApplicableError
from zoo.testing.global_state import require_no_side_effects
from zoo.testing.subjects import Subject

_FEW = 256
"""Number of images that are decoded in each split."""
_MANY = 100_000
"""Number of images that are compared in each split, by a hash of the stored content."""
_ABSENT = "there-is-nothing-here"


def loads(subject: Subject[Dataset]) -> None:
    splits = _load(subject)
    make_parts(splits, val_fraction=0.1, limit_train=None, limit_test=None)


def absence_is_said(subject: Subject[Dataset]) -> None:
    dataset = subject.record
    with tempfile.TemporaryDirectory(prefix="zoo-kit-") as folder:
        # A dataset with an argument must fail on an absent path; others may contain their data.
        argument = str(Path(folder) / _ABSENT) if dataset.argument else ""
        empty = Subject(record=dataset, argument=argument, data_root=Path(folder) / "data")
        try:
            dataset.load(_request(empty))
        except ZooError as error:
            if isinstance(error, ManyErrors) or "\n" in str(error).strip() or not str(error).strip():
                raise CheckFailedError(f"its error message is not one sentence: {str(error)!r}") from error
        except (Exception, SystemExit) as error:
            raise CheckFailedError(
                f"without data it raises {type(error).__name__} ({error}), not a DataError that says where to put what"
            ) from error
        else:
            if dataset.argument:
                raise CheckFailedError(f"it loads data from {_ABSENT}, which does not exist")


def splits_are_disjoint(subject: Subject[Dataset]) -> None:
    splits = _load(subject)
    seen: dict[bytes, str] = {}
    for name, split in _named(splits):
        own: dict[bytes, str] = {}
        for index in range(min(len(split), _MANY)):
            content = _content(split, index)
            if content in seen:
                id_ = split.ids[index] if split.ids is not None else f"{name}/{index}"
                raise CheckFailedError(f"image {id_!r} of {name} is also in {seen[content]}")
            own[content] = name
        seen |= own


def groups_stay_together(subject: Subject[Dataset]) -> None:
    splits = _load(subject)
    if all(split.groups is None for _, split in _named(splits)):
        raise NotApplicableError("it has no groups")
    where: dict[str, str] = {}
    for name, split in _named(splits):
        # Spaces around a name and the form of its accents make no other patient.
        groups = {unicodedata.normalize("NFC", group.strip()) for group in split.groups or ()} - {""}
        shared = sorted(groups & where.keys())
        if shared:
            raise CheckFailedError(
                f"{len(shared):,} group(s) of {name} are also in {where[shared[0]]}: {', '.join(map(repr, shared[:3]))}"
            )
        where |= dict.fromkeys(groups, name)


def labels_are_right(subject: Subject[Dataset]) -> None:
    splits = _load(subject)
    num_classes = len(splits.classes)
    for name, split in _named(splits):
        if split.labels.dtype != np.int64:
            raise CheckFailedError(f"labels of {name} are {split.labels.dtype}, not int64")
        low, high = int(split.labels.min()), int(split.labels.max())
        if low < 0 or high >= num_classes:  # an array that changed after its split was made
            raise CheckFailedError(f"labels of {name} run from {low} to {high}, but there are {num_classes} classes")
    counts_K = np.bincount(splits.train.labels, minlength=num_classes)
    empty = [splits.classes[k] for k in np.flatnonzero(counts_K == 0)]
    if empty:
        raise CheckFailedError(f"{len(empty)} class(es) have no training image: {', '.join(map(repr, empty[:5]))}")


def images_are_right(subject: Subject[Dataset]) -> None:
    splits = _load(subject)
    for name, split in _named(splits):
        if split.images is not None:
            some_NHWC = np.asarray(split.images[:_FEW])
            if some_NHWC.dtype != np.uint8 or some_NHWC.ndim != 4:
                raise CheckFailedError(f"images of {name} are {some_NHWC.dtype} {list(split.images.shape)}")
            if some_NHWC.max() <= 1:
                raise CheckFailedError(f"pixels of {name} are at most {some_NHWC.max()}, as if scaled to [0, 1]")
            if (some_NHWC == some_NHWC[:1]).all() and len(some_NHWC) > 1:
                raise CheckFailedError(f"the first {len(some_NHWC)} images of {name} are all the same")
            continue
        assert split.encoded is not None  # a split has either
        with opening.quiet_pillow():
            for index in range(min(len(split), _FEW)):
                _require_decodable(name, index, split.encoded[index])


def ids_are_unique(subject: Subject[Dataset]) -> None:
    first, second = _load(subject), _load(subject)
    try:
        make_parts(first, val_fraction=0.1, limit_train=None, limit_test=None)
    except DataError as error:
        raise CheckFailedError(str(error)) from error
    for name, split in _named(first):
        other = getattr(second, name)
        for what in ("ids", "groups"):
            values = getattr(split, what)
            if values is not None and list(values) != list(getattr(other, what) or ()):
                raise CheckFailedError(f"{what} of {name} differ when loaded again")
            if values is not None and not all(isinstance(each, str) for each in values):
                raise CheckFailedError(f"{what} of {name} are not all strings")


def fingerprint_is_deterministic(subject: Subject[Dataset]) -> None:
    loaded, prints, hierarchies = [], [], []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        splits = _load(subject)
        loaded.append({name: hashlib.sha256(split.labels.tobytes()).hexdigest() for name, split in _named(splits)})
        prints.append(_prepare(subject, splits).fingerprint)
        hierarchies.append(splits.hierarchy)
    if loaded[0] != loaded[1]:
        raise CheckFailedError("loaded again, its labels or their order differ")
    if prints[0] != prints[1]:
        raise CheckFailedError("loaded again, its images differ")
    if hierarchies[0] != hierarchies[1]:
        raise CheckFailedError("loaded again, its class hierarchy differs")


def workers_change_nothing(subject: Subject[Dataset]) -> None:
    splits = _load(subject)
    one, four = (_prepare(subject, splits, num_workers=count) for count in (1, 4))
    if (one.fingerprint, one.notes) != (four.fingerprint, four.notes):
        raise CheckFailedError(
            "images decoded by four threads differ from those decoded by one, or differ when decoded again"
        )
    for name, split in _named(splits):
        few = range(min(len(split), _FEW))
        forwards = [_content(split, index) for index in few]
        backwards = [_content(split, index) for index in reversed(few)][::-1]
        if forwards != backwards:
            raise CheckFailedError(f"images of {name} depend on the order in which they are read")


def class_names_are_names(subject: Subject[Dataset]) -> None:
    splits = _load(subject)
    classes: Any = splits.classes
    if not isinstance(classes, tuple) or not all(isinstance(name, str) for name in classes):
        raise CheckFailedError("classes are not a tuple of strings")
    bad = [name for name in classes if not name.strip() or not name.isprintable() or name != name.strip()]
    if bad:
        raise CheckFailedError(f"invalid class names: {', '.join(map(repr, bad[:5]))}")
    twice = sorted({name for name in classes if classes.count(name) > 1}) if len(set(classes)) < len(classes) else []
    if twice:
        raise CheckFailedError(f"duplicate class names: {', '.join(map(repr, twice[:5]))}")
    hierarchy = splits.hierarchy
    groups = dict.fromkeys(name for row in hierarchy.ancestors for name in row) if hierarchy is not None else ()
    bad = [name for name in groups if not name.isprintable() or name != name.strip()]
    if bad:
        raise CheckFailedError(f"invalid names of groups of classes: {', '.join(map(repr, bad[:5]))}")


def sizes_are_honest(subject: Subject[Dataset]) -> None:
    dataset, splits = subject.record, _load(subject)
    found: dict[str, Any] = {"num_classes": len(splits.classes), "num_train": len(splits.train)}
    if splits.test is not None:
        found["num_test"] = len(splits.test)
    if splits.train.images is not None:
        _, height, width, channels = splits.train.images.shape
        found["channels"] = channels
        if height == width:
            found["image_size"] = height
    wrong = [
        f"{name}={getattr(dataset, name):,}, found {value:,}"
        for name, value in found.items()
        if getattr(dataset, name) not in (None, value)
    ]
    if wrong:
        raise CheckFailedError(f"it declares {'; '.join(wrong)}")


def load_has_no_side_effects(subject: Subject[Dataset]) -> None:
    require_no_side_effects(lambda: _load(subject), "loading it")


def _request(subject: Subject[Dataset]) -> DataRequest:
    options = dict(subject.record.options)
    return DataRequest(root=subject.root, argument=subject.argument, options=options, download=False)


def _spec(subject: Subject[Dataset]) -> DatasetSpec:
    dataset = subject.record
    return DatasetSpec(
        full_name=dataset.name,
        display_name=subject.name,
        argument=subject.argument,
        provider=ProviderSpec(plugin="zoo.testing"),
        options=dict(dataset.options),
        mirror_symmetric=dataset.mirror_symmetric,
        limit_train=_FEW,
        limit_test=_FEW,
    )


def _load(subject: Subject[Dataset]) -> Splits:
    if subject.record.argument and not subject.argument:
        name, argument = subject.record.name, subject.record.argument
        raise NotApplicableError(f"it needs an argument: {name}:{argument}")
    try:
        return load_splits(subject.record, _spec(subject), _request(subject))
    except UsageError:
        raise
    except DataError as error:
        raise NotApplicableError(f"its data is not available here: {error}") from error


def _prepare(subject: Subject[Dataset], splits: Splits, *, num_workers: int | None = None) -> PreparedData:
    with tempfile.TemporaryDirectory(prefix="zoo-kit-") as cache:
        return prepare_splits(
            subject.record,
            _spec(subject),
            splits,
            DataSettings(data_root=subject.root, cache=Path(cache)),
            report=lambda message, share: None,
            num_workers=num_workers,
        )


def _named(splits: Splits) -> Iterator[tuple[str, Split]]:
    for name in ("train", "val", "test"):
        split = getattr(splits, name)
        if split is not None:
            yield name, split


def _content(split: Split, index: int) -> bytes:
    """Return a hash of the stored image: of its pixels, or of the bytes of its file."""
    if split.images is not None:
        return hashlib.blake2b(np.ascontiguousarray(split.images[index]).tobytes(), digest_size=16).digest()
    assert split.encoded is not None  # a split has either
    return hashlib.blake2b(_bytes_of(split.encoded[index]), digest_size=16).digest()


def _bytes_of(item: Any) -> bytes:
    if isinstance(item, bytes):
        return item
    if isinstance(item, Path):
        return item.read_bytes()
    with item.path.open("rb") as file:  # a part of a larger file
        file.seek(item.start)
        return bytes(file.read(item.size))


def _require_decodable(name: str, index: int, item: Any) -> None:
    try:
        decoding.decode(item, channels=3, preparation=Preparation(size=32))
    except (opening.UnreadableImageError, OSError, AttributeError, TypeError) as error:  # the last two: no file at all
        raise CheckFailedError(f"image {index} of {name} cannot be decoded: {error}") from error
