"""Splits follow from the ids alone: stratified, fixed, and the same in whatever order images come."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data.splitting import carve, hash_ids, make_parts, stratified_order
from tests.harness.data.toy_splits import TEST, TRAIN, Prepare, splits
from zoo.dataset import Split, Splits
from zoo.errors import DataError


def splits_of(labels: list[int], *, test: bool = True, **extra: object) -> Splits:
    def split(name: str, values: list[int], **more: object) -> Split:
        images = np.zeros((len(values), 2, 2, 1), dtype=np.uint8)
        return Split(images=images, labels=np.array(values), ids=[f"{name}-{i}" for i in range(len(values))], **more)  # type: ignore[arg-type]

    return Splits(
        classes=tuple(f"c{k}" for k in range(max(labels) + 1)),
        train=split("a", labels, **extra),
        test=split("t", labels) if test else None,
    )


def make(splits: Splits, *, val_fraction: float = 0.1, limit_train: int | None = None, limit_test: int | None = None):  # type: ignore[no-untyped-def]
    return make_parts(splits, val_fraction=val_fraction, limit_train=limit_train, limit_test=limit_test)


def test_a_sample_is_the_first_8_bytes_of_its_ids_sha256() -> None:
    expected = int.from_bytes(hashlib.sha256("train/7 ü\n".encode()).digest()[:8], "big")
    assert hash_ids(["train/7 ü\n"])[0] == expected


def test_a_tenth_of_each_class_is_carved_for_validation() -> None:
    parts, notes = make(splits_of([k for k in range(10) for _ in range(50)]))
    assert np.bincount(parts["val"].labels).tolist() == [5] * 10
    assert np.bincount(parts["train"].labels).tolist() == [45] * 10
    assert any("training images serve as the val split" in note for note in notes)


def test_a_missing_test_split_is_carved_first_with_a_note() -> None:
    """mteb#1516: a missing split was silently replaced by another."""
    parts, notes = make(splits_of([k for k in range(4) for _ in range(100)], test=False))
    assert {name: len(part) for name, part in parts.items()} == {"train": 324, "val": 36, "test": 40}
    assert "training images serve as the test split" in notes[0]


def test_a_carved_test_split_has_every_class_that_can_spare_an_image() -> None:
    parts, _ = make(splits_of([0] * 200 + [1] * 3 + [2], test=False))
    assert set(parts["test"].labels.tolist()) == {0, 1}
    assert set(parts["train"].labels.tolist()) == {0, 1, 2}


@given(st.lists(st.integers(0, 4), min_size=12, max_size=80), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=50)
def test_the_order_of_the_files_changes_nothing(labels: list[int], random: object) -> None:
    ids = [f"image {i}" for i in range(len(labels))]
    order = list(range(len(labels)))
    random.shuffle(order)  # type: ignore[attr-defined]

    def carved(which: list[int]) -> set[str]:
        mask = carve(np.array([labels[i] for i in which]), hash_ids([ids[i] for i in which]), 0.2)
        return {ids[which[j]] for j in np.flatnonzero(mask)}

    assert carved(order) == carved(sorted(order))


@given(st.lists(st.integers(0, 3), min_size=8, max_size=60), st.floats(0.05, 0.9))
@settings(deadline=None, max_examples=50)
def test_no_class_loses_its_last_image_to_a_carved_split(labels: list[int], fraction: float) -> None:
    values = np.array(labels)
    mask = carve(values, hash_ids([str(i) for i in range(len(labels))]), fraction, every_class=True)
    assert set(values[~mask].tolist()) == set(labels)


@given(st.lists(st.integers(0, 4), min_size=5, max_size=60))
@settings(deadline=None, max_examples=50)
def test_every_beginning_of_the_order_is_stratified(labels: list[int]) -> None:
    values = np.array(labels)
    order = stratified_order(values, hash_ids([str(i) for i in range(len(labels))]))
    assert sorted(order.tolist()) == list(range(len(labels)))
    for n in range(len(labels) + 1):
        got = np.bincount(values[order[:n]], minlength=5)
        ideal = np.bincount(values, minlength=5) * n / len(labels)
        # A class is never more than one image ahead of its share, plus what the ties of one place allow.
        assert (got <= np.ceil(ideal) + 1).all()


def test_groups_are_never_split_apart() -> None:
    labels = [k for k in range(5) for _ in range(60)]
    groups = [f"plant {i // 6}" for i in range(300)]
    parts, _ = make(splits_of(labels, test=False, groups=groups))
    seen = {name: {groups[i] for i in part.indices} for name, part in parts.items()}
    assert not seen["train"] & seen["val"]
    assert not seen["train"] & seen["test"]
    assert not seen["val"] & seen["test"]
    assert np.bincount(parts["test"].labels).tolist() == [6] * 5


def test_groups_too_large_for_the_share_still_give_one() -> None:
    parts, _ = make(splits_of([0, 1] * 30, groups=["a"] * 20 + ["b"] * 20 + ["c"] * 20))
    assert len(parts["val"]) == 20


def test_a_single_group_cannot_be_split() -> None:
    with pytest.raises(DataError, match="none can be taken from train"):
        make(splits_of([0, 1] * 10, groups=["all"] * 20))


def test_groups_in_two_official_splits_are_noted() -> None:
    splits = splits_of([0, 1] * 10, groups=[f"g{i}" for i in range(20)])
    ids = [str(i) for i in range(20)]
    leaking = Split(images=splits.train.images, labels=splits.train.labels, groups=["g3"] * 20, ids=ids)
    _, notes = make(Splits(classes=splits.classes, train=splits.train, test=leaking))
    assert "1 group(s) are in both the train and the test split of the source" in notes


def test_a_limit_counts_training_and_validation_together() -> None:
    parts, notes = make(splits_of([k for k in range(10) for _ in range(50)]), limit_train=100, limit_test=30)
    assert {name: len(part) for name, part in parts.items()} == {"train": 90, "val": 10, "test": 30}
    assert np.bincount(parts["train"].labels).tolist() == [9] * 10
    assert np.bincount(parts["test"].labels).tolist() == [3] * 10
    assert any("100 of 500 images for training and validation" in note for note in notes)


def test_a_limit_beyond_what_there_is_means_all_and_is_noted() -> None:
    parts, notes = make(splits_of([0, 1] * 50), limit_train=1000, limit_test=1000)
    assert (len(parts["train"]), len(parts["val"]), len(parts["test"])) == (90, 10, 100)
    assert sum("all 100 images" in note for note in notes) == 2


def test_no_image_changes_sides_when_a_limit_changes() -> None:
    """A setting chosen on a small part must not have seen the validation images of the whole."""
    splits = splits_of([k for k in range(5) for _ in range(40)])
    whole, small = make(splits)[0], make(splits, limit_train=50)[0]
    for name in ("train", "val"):
        assert set(small[name].indices) < set(whole[name].indices)


def test_a_limit_of_one_is_an_error() -> None:
    with pytest.raises(DataError, match="at least 2"):
        make(splits_of([0, 1] * 50), limit_train=1)


def test_one_image_a_class_cannot_be_split() -> None:
    with pytest.raises(DataError, match="no val split"):
        make(splits_of([0, 1, 2]))


def test_an_id_that_occurs_twice_is_an_error_naming_it() -> None:
    images = np.zeros((4, 2, 2, 1), dtype=np.uint8)
    train = Split(images=images, labels=np.array([0, 1, 0, 1]), ids=["a", "b", "c", "d"])
    test = Split(images=images, labels=np.array([0, 1, 0, 1]), ids=["e", "b", "f", "g"])
    with pytest.raises(DataError, match="'b' occurs 2 times, in train and test"):
        make(Splits(classes=("x", "y"), train=train, test=test))


def test_splits_without_a_class_in_common_are_an_error() -> None:
    """Names that differ between train and test make an accuracy of 0 % and no error."""
    splits = splits_of([0, 0, 1, 1])
    test = Split(labels=np.array([2, 2]), encoded=[b"", b""], ids=["t0", "t1"])
    with pytest.raises(DataError, match=r"train and test splits have no class in common: train has 'a', 'b'.* 'c'"):
        make(Splits(classes=("a", "b", "c"), train=splits.train, test=test))


def test_a_note_on_whole_groups_does_not_call_them_stratified() -> None:
    _, notes = make(splits_of([0, 1] * 20, test=False, groups=[f"g{k // 4}" for k in range(40)]))
    carved = [note for note in notes if "training images serve as the" in note]
    assert len(carved) == 2
    assert all("by whole groups" in note and "stratified" not in note for note in carved)


def test_a_small_carved_test_split_has_a_note_on_its_wide_interval() -> None:
    """24 images: Wilson's interval at 50 % is ±18.6 points wide."""
    _, notes = make(splits_of([0, 1] * 120, test=False))
    assert any("only 24 images" in note and "±19 percentage points" in note and "--folds" in note for note in notes)
    _, notes = make(splits_of([0, 1] * 600, test=False))
    assert not any("percentage points" in note for note in notes)


def test_the_order_of_the_files_changes_no_split(prepare: Prepare) -> None:
    forward = splits(TRAIN, TEST)
    order = list(range(20))[::-1]
    train = forward.train
    backward = Splits(
        classes=forward.classes,
        train=Split(
            encoded=[TRAIN[i] for i in order],
            labels=train.labels[order],
            ids=[train.ids[i] for i in order],  # type: ignore[index]
        ),
        test=forward.test,
    )
    samples = [set(prepare(each).load("val").samples_N.tolist()) for each in (forward, backward)]
    assert samples[0] == samples[1]


def test_limits_are_applied_and_noted(prepare: Prepare) -> None:
    prepared = prepare(splits(TRAIN, TEST), limit_train=10, limit_test=4)
    assert (prepared.num_train, prepared.num_val, prepared.num_test) == (9, 1, 4)
    assert any(note.startswith("limit_train: 10 of 20") for note in prepared.notes)
