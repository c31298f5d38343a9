"""Checks of datasets, each held to one that was made to break it."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from zoo import ClassHierarchy, Dataset, Split, Splits
from zoo.errors import DataError
from zoo.testing import CHECKS, State, Subject, judge


def images_of(count: int, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)


def split_of(count: int, *, seed: int = 0, **fields: Any) -> Split:
    labels = (np.arange(count) % 2).astype(np.int64)
    if "encoded" not in fields:
        fields.setdefault("images", images_of(count, seed=seed))
    return Split(**{"labels": labels, **fields})


def splits_of(train: Any = None, test: Any = None, classes: Any = ("cat", "dog")) -> Splits:
    return Splits(classes=classes, train=train or split_of(40), test=test or split_of(20, seed=1))


def data_set(load: Callable[[], Splits], **fields: Any) -> Dataset:
    return Dataset(name="pets", load=lambda request: load(), **fields)


def png(seed: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(images_of(1, seed=seed)[0]).save(buffer, "PNG")
    return buffer.getvalue()


class Stream(Sequence[bytes]):
    """Images that depend on what was read before, as those of a shared file handle do."""

    def __init__(self) -> None:
        self._reads = 0

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: Any) -> Any:
        if index >= len(self):
            raise IndexError(index)
        self._reads += 1
        return png(self._reads)


def drawn() -> Splits:
    return splits_of(split_of(40, images=np.random.randint(0, 256, (40, 8, 8, 3)).astype(np.uint8)))


def draws_from_numpy() -> Splits:
    np.random.rand()
    return splits_of()


def other_labels() -> Splits:
    return splits_of(split_of(40, labels=np.random.permutation(np.arange(40) % 2).astype(np.int64)))


def out_of_range() -> Splits:
    splits = splits_of()
    splits.train.labels[3] = 9  # after the split was checked
    return splits


def leaky() -> Splits:
    train = split_of(40)
    test = images_of(20, seed=1)
    test[7] = train.images[3]
    return splits_of(train, split_of(20, images=test))


def grouped(train: str, test: str) -> Callable[[], Splits]:
    """Return a loader of splits whose groups have these names, with the number of a patient where there is a #."""

    def load() -> Splits:
        groups = [[text.replace("#", str(i // 4)) for i in range(n)] for text, n in ((train, 40), (test, 20))]
        return splits_of(split_of(40, groups=groups[0]), split_of(20, seed=1, groups=groups[1]))

    return load


_LOADS = itertools.count()


def hierarchy_of(group: str) -> ClassHierarchy:
    classes = splits_of().classes
    return ClassHierarchy(classes=classes, ancestors=((group,),) * len(classes))


def other_hierarchy() -> Splits:
    return replace(splits_of(), hierarchy=hierarchy_of(f"group {next(_LOADS)}"))


BROKEN = (
    ("loads", "loaded list, not Splits", data_set(list)),
    ("loads", "KeyError", data_set(lambda: {}["no"])),
    ("absence_is_said", "FileNotFoundError", data_set(lambda: Path("/nowhere/x.npy").read_bytes())),
    ("absence_is_said", "which does not exist", data_set(splits_of, argument="PATH")),
    ("splits_are_disjoint", "image 'test/7' of test is also in train", data_set(leaky)),
    (
        "groups_stay_together",
        r"5 group\(s\) of test .* in train: 'p0', 'p1', 'p2'",
        data_set(grouped("p#", "p#")),
    ),
    ("groups_stay_together", "of test are also in train: 'p0'", data_set(grouped("p#", " p# "))),
    ("groups_stay_together", "of test are also in train", data_set(grouped("Käse #", "Ka\u0308se #"))),
    ("labels_are_right", "int32", data_set(lambda: splits_of(split_of(40, labels=np.arange(40, dtype="i4") % 2)))),
    ("labels_are_right", "from 0 to 9", data_set(out_of_range)),
    ("labels_are_right", "no training image: 'fox'", data_set(lambda: splits_of(classes=("cat", "dog", "fox")))),
    ("images_are_right", "scaled", data_set(lambda: splits_of(split_of(40, images=images_of(40) // 255)))),
    ("images_are_right", "all the same", data_set(lambda: splits_of(split_of(40, images=images_of(40) * 0 + 7)))),
    ("images_are_right", "cannot be decoded", data_set(lambda: splits_of(split_of(2, encoded=[png(0), b"GIF?"])))),
    ("ids_are_unique", "occurs 40 times", data_set(lambda: splits_of(split_of(40, ids=["a"] * 40)))),
    (
        "ids_are_unique",
        "differ when loaded again",
        data_set(lambda: splits_of(split_of(40, ids=[f"{next(_LOADS)}" for _ in range(40)]))),
    ),
    ("fingerprint_is_deterministic", "its images differ", data_set(drawn)),
    ("fingerprint_is_deterministic", "its labels or their order differ", data_set(other_labels)),
    ("fingerprint_is_deterministic", "its class hierarchy differs", data_set(other_hierarchy)),
    (
        "class_names_are_names",
        r"invalid names of groups of classes: ' pet'",
        data_set(lambda: replace(splits_of(), hierarchy=hierarchy_of(" pet"))),
    ),
    ("workers_change_nothing", "decoded by four threads", data_set(lambda: splits_of(split_of(40, encoded=Stream())))),
    ("class_names_are_names", "duplicate class names: 'cat'", data_set(lambda: splits_of(classes=("cat", "cat")))),
    (
        "class_names_are_names",
        r"invalid class names: '\\x1b\[31mcat'",
        data_set(lambda: splits_of(classes=("\x1b[31mcat", "dog"))),
    ),
    ("class_names_are_names", "not a tuple of strings", data_set(lambda: splits_of(classes=(0, 1)))),
    ("sizes_are_honest", "num_train=50, found 40", data_set(splits_of, num_train=50)),
    ("sizes_are_honest", "channels=1, found 3; image_size=32, found 8", data_set(splits_of, image_size=32, channels=1)),
    ("load_has_no_side_effects", "numpy's generator", data_set(draws_from_numpy)),
)


IDS = [f"{number}-{each[0]}" for number, each in enumerate(BROKEN)]


@pytest.mark.parametrize(("check", "says", "record"), BROKEN, ids=IDS)
def test_a_check_catches_what_was_made_to_break_it(check, says, record, caught):
    caught(check, says, record)


def test_each_check_has_something_that_breaks_it():
    assert {each[0] for each in BROKEN} == {check.id for check in CHECKS if check.kind == "datasets"}


def test_a_dataset_that_is_right_passes_every_check(passed):
    sizes = {"num_train": 40, "num_test": 20, "num_classes": 2, "image_size": 8, "channels": 3}
    passed(data_set(splits_of, **sizes), inapplicable=["groups_stay_together"])
    passed(data_set(grouped("train #", "test #")))
    encoded = split_of(40, encoded=[png(seed) for seed in range(40)], ids=[f"{index}.png" for index in range(40)])
    passed(data_set(lambda: splits_of(encoded)), inapplicable=["groups_stay_together"])


def _absent() -> Splits:
    raise DataError("put it there")


@pytest.mark.parametrize("dataset", [data_set(_absent), data_set(splits_of, argument="PATH")], ids=["absent", "a kind"])
def test_missing_requirements_are_skipped_with_their_reason(dataset):
    verdict = judge(CHECKS_BY_ID["loads"], Subject(record=dataset))
    assert verdict.state is State.SKIPPED
    assert verdict.reason in (
        "its data is not available here: put it there",
        "it needs an argument: pets:PATH",
    )


CHECKS_BY_ID = {check.id: check for check in CHECKS}


@pytest.mark.parametrize(("train", "test"), [("train #", "test #"), ("", " "), ("patient #", "")])
def test_groups_of_one_split_each_are_not_accused(train: str, test: str) -> None:
    """Images without a name of a group belong to none."""
    (check,) = (each for each in CHECKS if each.id == "groups_stay_together")
    verdict = judge(check, Subject(record=data_set(grouped(train, test))))
    assert verdict.state is State.PASSED, verdict.reason
