"""The key of prepared data changes with everything that changes them, and with nothing else."""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.data.cache_key import _text_hash, cache_key
from harness.data.image_shape import Wanted
from harness.data.notes import UnusableImagesError
from harness.records.spec import CodeSpec, DatasetSpec, ProviderSpec
from zoo.dataset import Dataset, Split, Splits
from zoo.preparation import Preparation

SPEC = DatasetSpec(full_name="t/x", display_name="x", provider=ProviderSpec(plugin="t"))
TRAIN = Split(labels=np.array([0, 1]), encoded=[b"one", b"two"], ids=["1", "2"])
SPLITS = Splits(classes=("a", "b"), train=TRAIN)


def key(splits: Splits = SPLITS, **settings: object) -> str:
    return key_of(Wanted(preparation=SPEC.model_copy(update=settings).asked), splits, **settings)


def key_of(wanted: Wanted, splits: Splits = SPLITS, *, hint: int | None = None, **settings: object) -> str:
    dataset = Dataset(name="x", load=lambda request: splits, image_size=hint)
    return cache_key(dataset, SPEC.model_copy(update=settings), splits, wanted)


def test_a_renamed_dataset_is_the_same() -> None:
    assert key() == key(display_name="other", mirror_symmetric=False, fold=1)


@pytest.mark.parametrize(
    "splits",
    [
        replace(SPLITS, classes=("b", "a")),
        replace(SPLITS, train=replace(TRAIN, labels=np.array([1, 0]))),
        replace(SPLITS, train=replace(TRAIN, ids=["1", "3"])),
        replace(SPLITS, train=replace(TRAIN, groups=["g", "g"])),
        replace(SPLITS, train=replace(TRAIN, encoded=[b"one", b"too"])),
        replace(SPLITS, test=TRAIN),
        replace(SPLITS, notes=("two files left out",)),
        replace(SPLITS, omissions=("two images left out",)),
    ],
    ids=["classes", "labels", "ids", "groups", "content", "test", "notes", "omissions"],
)
def test_settings_that_change_the_prepared_data_change_the_key(splits: Splits) -> None:
    """The order of the classes too: labels are indices into it (torchvision#714)."""
    assert key(splits) != key()


def test_networks_that_need_the_same_pixels_share_a_key() -> None:
    def wanted(design_size: int, **fields: object) -> Wanted:
        return Wanted(preparation=Preparation(**fields), design_size=design_size)  # type: ignore[arg-type]

    assert key_of(wanted(224, size=64)) == key_of(wanted(32, size=64, fit="crop", mean=(0.5,), std=(0.5,)))
    assert key_of(wanted(32)) == key_of(wanted(28)) != key_of(wanted(224))
    assert key_of(wanted(224), hint=64) == key_of(wanted(240), hint=64) == key_of(wanted(224, size=64))
    different = ({}, {"fit": "pad"}, {"fit": "squash"}, {"crop_share": 0.9}, {"interpolation": "bilinear"})
    assert len({key_of(wanted(224, size=64, **each)) for each in (*different, {"antialias": False})}) == 6


def test_settings_and_files_change_the_key(tmp_path: Path) -> None:
    assert (
        len(
            {
                key(),
                key(image_size=8),
                key(val_fraction=0.2),
                key(folds=5),
                key(options={"test": "val"}),
                key(bit_depth=12),
            }
        )
        == 6
    )
    path = tmp_path / "a.png"
    splits = replace(SPLITS, train=replace(TRAIN, encoded=[path, path]))
    with pytest.raises(UnusableImagesError, match="there is no file"):
        key(splits)
    path.write_bytes(b"one")
    before = key(splits)
    path.write_bytes(b"three")
    assert key(splits) != before


def test_code_and_data_files_change_the_key_and_a_library_does_not() -> None:
    code = CodeSpec(modules={"nets": "1"}, files={"labels.csv": "1"}, libraries={"numpy": "2.4"}, arguments="1")

    def key_with(**changes: object) -> str:
        return key(provider=ProviderSpec(plugin="t", code=code.model_copy(update=changes)))

    assert key_with(libraries={"numpy": "2.5"}) == key_with()
    changes = ({}, {"modules": {"nets": "2"}}, {"files": {"labels.csv": "2"}}, {"arguments": "2"})
    assert len({key_with(**each) for each in changes}) == 4


@pytest.mark.parametrize("count", [0, 1, 2**16, 2**16 + 1, 150_000])
def test_texts_are_hashed_as_if_joined(count: int) -> None:
    texts = [f"a/{number}.jpg" for number in range(count)]
    joined = hashlib.sha256("\0".join(texts).encode()).hexdigest()
    assert _text_hash(texts) == joined
    assert _text_hash(deque(texts)) == joined, "a sequence that cannot be sliced"
