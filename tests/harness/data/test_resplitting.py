"""Resplitting: each seed has a validation split or a deal of folds of its own, and the test images stay the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.data.image_facts import load_facts
from harness.data.images import PreparedData
from harness.data.prepare import prepare_data
from harness.data.resplitting import draw_parts, is_redrawn, resplit_pool
from harness.data.settings import DataSettings
from harness.data.splitting import make_parts
from harness.records.spec import DatasetSpec, ProviderSpec
from zoo import DataRequest, Dataset, Split, Splits
from zoo.errors import DataError

NUM_TRAIN, NUM_TEST = 60, 20


def split_of(name: str, count: int, **more: Any) -> Split:
    images = np.random.default_rng(count).integers(0, 256, (count, 4, 4, 3)).astype(np.uint8)
    ids = [f"{name}-{i}" for i in range(count)]
    return Split(images=images, labels=np.arange(count) % 3, ids=ids, **more)


def splits_of(*, val: int = 0, test: int = NUM_TEST, groups: list[str] | None = None) -> Splits:
    return Splits(
        classes=("a", "b", "c"),
        train=split_of("train", NUM_TRAIN, groups=groups),
        val=split_of("val", val) if val else None,
        test=split_of("test", test) if test else None,
    )


def spec_of(**more: Any) -> DatasetSpec:
    provider = ProviderSpec(plugin="t")
    return DatasetSpec(full_name="t/toys", display_name="toys", provider=provider, val_fraction=0.2, **more)


Prepare = Callable[..., PreparedData]


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    """Prepare toys with the given splits and settings of their spec."""

    def run(splits: Splits, **more: Any) -> PreparedData:
        def load(request: DataRequest) -> Splits:
            return splits

        toys = Dataset(name="toys", load=load)
        settings = DataSettings(data_root=tmp_path, cache=tmp_path / "cache")
        return prepare_data(toys, spec_of(**more), settings, report=lambda *_: None)

    return run


def samples(prepared: PreparedData, split: str) -> list[int]:
    return sorted(prepared.load(split).samples_N.tolist())  # type: ignore[arg-type]


@pytest.mark.parametrize("test", [NUM_TEST, 0], ids=["own test split", "carved test split"])
def test_seeds_have_other_validation_images_and_the_same_test_images(prepare: Prepare, test: int) -> None:
    splits = splits_of(test=test)
    usual = prepare(splits)
    drawn = [prepare(splits, resplit=seed) for seed in range(3)]
    validation = [set(samples(each, "val")) for each in [usual, *drawn]]
    assert len(set(map(frozenset, validation))) == 4
    for each in drawn:
        assert samples(each, "test") == samples(usual, "test")
        assert sorted(samples(each, "train") + samples(each, "val")) == sorted(
            samples(usual, "train") + samples(usual, "val")
        )
        assert (each.num_train, each.num_val) == (usual.num_train, usual.num_val)
    assert {each.fingerprint for each in drawn} == {drawn[0].fingerprint} != {usual.fingerprint}
    assert prepare(splits, resplit=1) == drawn[1]


def test_a_draw_has_the_pixels_labels_and_moments_of_its_images(prepare: Prepare) -> None:
    splits = splits_of()
    drawn = prepare(splits, resplit=5)
    known = {}
    for split in (split_of("train", NUM_TRAIN), split_of("test", NUM_TEST)):
        pixels = split.images[:]  # type: ignore[index]
        known |= dict(zip(split.ids or (), zip(pixels, split.labels, strict=True), strict=True))
    facts = load_facts(Path(drawn.folder), "test")
    for name in ("train", "val", "test"):
        images = drawn.load(name)  # type: ignore[arg-type]
        places = np.load(Path(drawn.folder) / f"{drawn.selection}-{name}.npy")
        for place, pixels, label in zip(places, images.images_NHWC[:], images.labels_N, strict=True):
            expected = known[facts["ids"][place]]
            assert (pixels.tolist(), label) == (expected[0].tolist(), expected[1])
    pixels = drawn.load("train").images_NHWC[:] / 255
    assert drawn.mean == pytest.approx(pixels.mean(axis=(0, 1, 2)))
    assert drawn.std == pytest.approx(pixels.std(axis=(0, 1, 2)))


def test_validation_images_are_stratified_and_every_image_is_drawn_at_some_time() -> None:
    splits = splits_of()
    pool, tested_N, _ = resplit_pool(splits, spec_of())
    counts = np.zeros(len(pool.source))
    for seed in range(200):
        (parts,) = draw_parts(pool, tested_N, spec_of(resplit=seed)).values()
        assert np.bincount(parts["val"].labels).tolist() == [4, 4, 4]
        counts[parts["val"].indices] += 1
    of_train = counts[:NUM_TRAIN]
    # Each of 60 images is drawn with probability 0.2: 40 of 200 times, give or take four standard errors of 5.7.
    assert 40 - 23 < of_train.min() <= of_train.max() < 40 + 23
    assert not counts[NUM_TRAIN:].any()


@pytest.mark.parametrize("folds", [None, 4])
def test_groups_are_never_split_and_meet_in_other_folds(folds: int | None) -> None:
    sizes = [1, 2, 3, 4, 5] * 4
    groups = [f"g{number}" for number, size in enumerate(sizes) for _ in range(size)]
    splits = splits_of(groups=groups, test=0)
    pool, tested_N, _ = resplit_pool(splits, spec_of(folds=folds))
    deals = set()
    for seed in range(5):
        found = draw_parts(pool, tested_N, spec_of(resplit=seed, folds=folds))
        for parts in found.values():
            of_part = {name: {groups[index] for index in part.indices} for name, part in parts.items()}
            assert not of_part["train"] & of_part["val"]
            assert not of_part["test"] & (of_part["train"] | of_part["val"])
        deals.add(frozenset(frozenset(parts["test" if folds else "val"].indices.tolist()) for parts in found.values()))
    assert len(deals) == 5


def test_folds_are_dealt_anew_for_each_seed_and_test_every_image_once(prepare: Prepare) -> None:
    splits = splits_of(val=9)
    deals = []
    for seed in (0, 1):
        folds = [prepare(splits, resplit=seed, folds=3, fold=fold) for fold in (1, 2, 3)]
        tested = [samples(each, "test") for each in folds]
        assert [len(each) for each in tested] == [23, 23, 23]
        assert len({sample for each in tested for sample in each}) == NUM_TRAIN + 9
        for each in folds:
            own = [samples(each, name) for name in ("train", "val", "test")]
            assert len({sample for part in own for sample in part}) == NUM_TRAIN + 9
        assert len({each.fingerprint for each in folds}) == 3
        deals.append(tested)
    assert {each.whole_fingerprint for each in folds} == {prepare(splits, resplit=0, folds=3, fold=1).whole_fingerprint}
    assert deals[0] != deals[1]


def test_a_validation_split_of_the_source_is_shared_and_a_note_says_so(prepare: Prepare) -> None:
    splits = splits_of(val=9)
    usual, asked = prepare(splits), prepare(splits, resplit=3)
    assert (asked.resplit, asked.fingerprint) == (None, usual.fingerprint)
    assert [note for note in asked.notes if note not in usual.notes] == [
        "the source has a validation split of its own (9 images), so all seeds share it"
    ]
    assert [is_redrawn(splits, spec_of(resplit=3, folds=folds)) for folds in (None, 2)] == [False, True]


def test_limits_keep_the_images_of_a_bench_without_draws(prepare: Prepare) -> None:
    splits = splits_of()
    limits = {"limit_train": 30, "limit_test": 9}
    usual, drawn = prepare(splits, **limits), prepare(splits, resplit=2, **limits)
    assert samples(drawn, "test") == samples(usual, "test")
    assert sorted(samples(drawn, "train") + samples(drawn, "val")) == sorted(
        samples(usual, "train") + samples(usual, "val")
    )


def test_the_notes_say_how_seeds_are_drawn(prepare: Prepare) -> None:
    (note,) = [note for note in prepare(splits_of(), resplit=0).notes if "each seed" in note]
    assert note == (
        "each seed has a validation split of its own, 20 % of 60 training images, chosen by a hash of the seed and "
        "their ids, stratified by class"
    )
    assert any("dealt anew" in note for note in prepare(splits_of(), resplit=0, folds=3, fold=1).notes)


def test_test_images_that_are_also_in_train_are_counted(prepare: Prepare) -> None:
    splits = splits_of()
    splits.test.images[:2] = splits.train.images[:2]  # type: ignore[index,union-attr]
    assert any("2 of 20 test images are also among" in note for note in prepare(splits, resplit=0).notes)


def test_too_few_images_to_draw_from_are_refused() -> None:
    splits = Splits(classes=("a", "b"), train=split_of("train", 2), test=split_of("test", 2))
    with pytest.raises(DataError, match="there is no val split"):
        make_parts(splits, val_fraction=0.2, limit_train=None, limit_test=None)
    with pytest.raises(DataError, match="there is no val split"):
        resplit_pool(splits, spec_of(resplit=0))
