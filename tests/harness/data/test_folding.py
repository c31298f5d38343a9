"""Folds: every image is tested once, by a network that has not seen it, whatever the order files are listed in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from harness.batches.device_images import DeviceImages
from harness.classifiers.images import prepared_data
from harness.data.folding import fold_of_each, make_fold, pool_parts
from harness.data.images import PreparedData
from harness.data.prepare import prepare_data
from harness.data.settings import DataSettings
from harness.data.splitting import hash_ids
from harness.records.spec import DatasetSpec, ProviderSpec
from zoo import DataRequest, Dataset, Split, Splits
from zoo.errors import DataError

LABELS = st.lists(st.integers(0, 3), min_size=10, max_size=60)


def ids_of(labels: list[int]) -> list[str]:
    return [f"{label}/{number}.png" for number, label in enumerate(labels)]


@given(LABELS, st.integers(2, 6))
@settings(deadline=None, max_examples=50)
def test_folds_are_as_large_as_each_other_in_every_class(labels: list[int], folds: int) -> None:
    fold_N = fold_of_each(np.array(labels), hash_ids(ids_of(labels)), folds)
    counts = np.bincount(fold_N, minlength=folds)
    assert counts.max() - counts.min() <= 1
    for label in set(labels):
        of_class = np.bincount(fold_N[np.array(labels) == label], minlength=folds)
        assert of_class.max() - of_class.min() <= 1


@given(LABELS, st.integers(2, 6), st.randoms(use_true_random=False), st.booleans())
@settings(deadline=None, max_examples=50)
def test_the_order_of_the_files_changes_no_fold(labels: list[int], folds: int, random, grouped: bool) -> None:  # type: ignore[no-untyped-def]
    ids = ids_of(labels)
    groups = [f"g{number % 9}" for number in range(len(labels))] if grouped else None
    order = list(range(len(labels)))
    random.shuffle(order)
    straight = fold_of_each(np.array(labels), hash_ids(ids), folds, groups=groups)
    shuffled = fold_of_each(
        np.array(labels)[order],
        hash_ids([ids[each] for each in order]),
        folds,
        groups=None if groups is None else [groups[each] for each in order],
    )
    assert shuffled.tolist() == straight[order].tolist()


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12)), min_size=20, max_size=80), st.integers(2, 5))
@settings(deadline=None, max_examples=50)
def test_a_group_is_never_split_and_no_fold_is_empty(images: list[tuple[int, int]], folds: int) -> None:
    labels, groups = np.array([label for label, _ in images]), [f"g{group}" for _, group in images]
    if len(set(groups)) < folds:
        with pytest.raises(DataError, match="groups of images"):
            fold_of_each(labels, hash_ids([str(i) for i in range(len(images))]), folds, groups=groups)
        return
    fold_N = fold_of_each(labels, hash_ids([str(i) for i in range(len(images))]), folds, groups=groups)
    for group in set(groups):
        assert len(set(fold_N[np.array(groups) == group])) == 1
    assert set(fold_N.tolist()) == set(range(folds))


def test_groups_are_dealt_so_that_folds_have_the_classes_in_proportion() -> None:
    """60 groups of three images, each of one class: as good as dealing images."""
    labels = np.repeat([0] * 40 + [1] * 20, 3)
    groups = np.repeat([f"g{number}" for number in range(60)], 3).tolist()
    fold_N = fold_of_each(labels, hash_ids([str(number) for number in range(180)]), 5, groups=groups)
    for fold in range(5):
        assert np.bincount(labels[fold_N == fold]).tolist() == [24, 12]


def test_more_folds_than_images_are_refused() -> None:
    with pytest.raises(DataError, match="5 folds were requested, but there are only 4 images"):
        fold_of_each(np.array([0, 0, 1, 1]), hash_ids(list("abcd")), 5)


def split_of(name: str, labels: list[int], **more: object) -> Split:
    images = np.arange(len(labels), dtype=np.uint8).repeat(12).reshape(-1, 2, 2, 3)
    return Split(images=images, labels=np.array(labels), ids=[f"{name}-{i}" for i in range(len(labels))], **more)  # type: ignore[arg-type]


def test_folds_are_made_of_training_and_validation_images_and_the_test_split_is_left_alone() -> None:
    splits = Splits(
        classes=("a", "b"),
        train=split_of("train", [0, 1] * 10),
        val=split_of("val", [0, 1] * 3),
        test=split_of("test", [0, 1] * 5),
    )
    parts, notes = pool_parts(splits)
    assert sorted(parts["test"].ids) == sorted([*splits.train.ids, *splits.val.ids])  # type: ignore[union-attr,misc]
    assert any("test split of 10 images is not used" in note for note in notes)


def test_validation_images_are_carved_from_what_is_not_tested_without_splitting_groups() -> None:
    groups = [f"g{number // 4}" for number in range(80)]
    splits = Splits(classes=("a", "b"), train=split_of("train", [0, 1] * 40, groups=groups))
    pool = pool_parts(splits)[0]["test"]
    fold_N = fold_of_each(pool.labels, pool.hashes_N, 4, groups=groups)
    for fold in range(4):
        parts = make_fold(pool, fold_N, fold, val_fraction=0.2)
        own = {name: {groups[index] for index in part.indices} for name, part in parts.items()}
        assert not own["train"] & own["val"] | own["train"] & own["test"] | own["val"] & own["test"]
        assert sum(map(len, parts.values())) == 80


@pytest.fixture
def prepare(tmp_path: Path) -> Callable[..., PreparedData]:
    """Prepare one fold of 30 pictures in files, listed in any order."""
    for number in range(30):
        pixels = np.full((6, 6, 3), number * 8, dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number:02d}.png")

    def run(fold: int | None, *, order: list[int] | None = None, cache: str = "cache", **more: object) -> PreparedData:
        numbers = order or list(range(30))

        def load(request: DataRequest) -> Splits:
            return Splits(
                classes=("even", "odd"),
                train=Split(
                    encoded=[tmp_path / f"{number:02d}.png" for number in numbers],
                    labels=np.array([number % 2 for number in numbers]),
                    ids=[f"{number:02d}.png" for number in numbers],
                ),
            )

        spec = DatasetSpec(
            full_name="t/steps",
            display_name="steps",
            provider=ProviderSpec(plugin="t"),
            folds=5 if fold is not None else None,
            fold=fold,
        )
        return prepare_data(
            Dataset(name="steps", load=load),
            spec,
            DataSettings(data_root=tmp_path, cache=tmp_path / cache, **more),  # type: ignore[arg-type]
            report=lambda *_: None,
            num_workers=1,
        )

    return run


def test_every_image_is_tested_once_by_who_did_not_train_on_it(prepare: Callable[..., PreparedData]) -> None:
    tested: list[int] = []
    for fold in range(1, 6):
        data = prepare(fold)
        samples = {name: set(data.load(name).samples_N.tolist()) for name in ("train", "val", "test")}  # type: ignore[arg-type]
        assert not samples["train"] & samples["val"] | samples["train"] & samples["test"]
        assert sum(map(len, samples.values())) == 30
        tested += data.load("test").samples_N.tolist()
        assert (data.num_train, data.num_val, data.num_test) == (22, 2, 6)
    assert sorted(tested) == sorted(hash_ids([f"{number:02d}.png" for number in range(30)]).tolist())


def test_all_folds_share_one_copy_of_the_images(prepare: Callable[..., PreparedData], tmp_path: Path) -> None:
    folders = {prepare(fold).folder for fold in range(1, 6)}
    assert len(folders) == 1
    assert [path.name for path in Path(folders.pop()).glob("*-images.npy")] == ["test-images.npy"]


def test_folds_know_that_they_belong_together(prepare: Callable[..., PreparedData]) -> None:
    folds = [prepare(fold) for fold in range(1, 6)]
    assert len({fold.whole_fingerprint for fold in folds}) == 1
    assert len({fold.fingerprint for fold in folds} | {folds[0].whole_fingerprint, prepare(None).fingerprint}) == 7


def test_a_folds_images_and_statistics_are_its_own(prepare: Callable[..., PreparedData]) -> None:
    data = prepare(2)
    train = data.load("train")
    pixels = np.stack([train.images_NHWC[place] for place in range(len(train))])
    assert (pixels[:, 0, 0, 0] // 8 % 2).tolist() == train.labels_N.tolist()
    assert data.mean == pytest.approx(tuple(pixels.mean(axis=(0, 1, 2)) / 255))
    assert data.std == pytest.approx(tuple(pixels.std(axis=(0, 1, 2)) / 255))


def test_a_folds_batches_do_not_depend_on_the_order_of_the_files(prepare: Callable[..., PreparedData]) -> None:
    straight = prepare(3)
    turned = prepare(3, order=list(reversed(range(30))), cache="other")
    assert turned.fingerprint == straight.fingerprint
    for one, other in zip(batches_of(straight), batches_of(turned), strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])


def test_images_that_are_not_kept_decoded_give_the_same_batches(prepare: Callable[..., PreparedData]) -> None:
    kept, streamed = prepare(1), prepare(1, cache="other", cache_limit=1)
    assert streamed.streamed
    assert streamed.fingerprint == kept.fingerprint
    for one, other in zip(batches_of(kept), batches_of(streamed), strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])


def batches_of(data: PreparedData) -> list[tuple[torch.Tensor, torch.Tensor]]:
    train = DeviceImages(data.load("train"), torch.device("cpu"))
    order = torch.arange(len(train)).flip(0)
    return [(images.clone(), labels.clone()) for images, labels in train.batches(order, [8, 8, len(train) - 16])]


def test_an_image_that_cannot_be_read_is_an_error_for_every_image_is_tested(
    prepare: Callable[..., PreparedData], tmp_path: Path
) -> None:
    (tmp_path / "07.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="must include all images"):
        prepare(1)


def test_copies_in_other_folds_are_reported(prepare: Callable[..., PreparedData], tmp_path: Path) -> None:
    for number in range(0, 30, 2):
        Image.new("RGB", (6, 6), (9, 9, 9)).save(tmp_path / f"{number:02d}.png")
    assert any("15 of 30 images have an identical copy in another fold" in note for note in prepare(1).notes)


def test_a_folds_own_images_are_found_by_its_fingerprint(prepare: Callable[..., PreparedData], tmp_path: Path) -> None:
    data = prepare(4)
    (found,) = prepared_data(data.fingerprint, data.view, tmp_path / "cache")
    assert found.load("test").samples_N.tolist() == data.load("test").samples_N.tolist()
