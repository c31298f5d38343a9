"""Facts about images: ids, groups and the class hierarchy, from the source to the predictions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.data.image_facts import load_facts, with_facts
from harness.data.images import PreparedData
from harness.data.prepare import prepare_data
from harness.data.settings import DataSettings
from harness.data.splitting import hash_ids
from harness.records.spec import DatasetSpec, ProviderSpec
from zoo.dataset import Dataset, Split, Splits
from zoo.hierarchy import ClassHierarchy
from zoo.metric import Predictions

CLASSES = ("a", "b")
HIERARCHY = ClassHierarchy(classes=CLASSES, ancestors=(("x",), ("x", "y")))
Prepare = Callable[..., PreparedData]


def split_of(name: str, count: int, *, groups: bool) -> Split:
    images = np.random.default_rng(count).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    return Split(
        images=images,
        labels=np.arange(count) % 2,
        ids=[f"{name}/{number}.png" for number in range(count)],
        groups=[f"{name} plant {number // 2}" for number in range(count)] if groups else None,
    )


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    def run(
        *, test: bool = True, groups: bool = True, hierarchy: ClassHierarchy | None = HIERARCHY, **fields: object
    ) -> PreparedData:
        splits = Splits(
            classes=CLASSES,
            train=split_of("train", 40, groups=groups),
            test=split_of("test", 6, groups=groups) if test else None,
            hierarchy=hierarchy,
        )
        spec = DatasetSpec(
            full_name="test/x",
            display_name="x",
            provider=ProviderSpec(plugin="test"),
            **fields,  # type: ignore[arg-type]
        )
        dataset = Dataset(name="x", load=lambda request: splits)
        settings = DataSettings(data_root=tmp_path, cache=tmp_path / "cache")
        return prepare_data(dataset, spec, settings, report=lambda *_: None, num_workers=1)

    return run


def predictions_of(prepared: PreparedData, split: str) -> Predictions:
    images = prepared.load(split)  # type: ignore[arg-type]
    logits = np.zeros((len(images), 2), dtype=np.float32)
    return Predictions(logits=logits, labels=images.labels_N, classes=prepared.classes, samples=images.samples_N)


@pytest.mark.parametrize("split", ["val", "test"])
@pytest.mark.parametrize("test", [True, False], ids=["own test split", "test from train"])
def test_predictions_get_the_ids_groups_and_hierarchy_of_their_images(prepare: Prepare, split: str, test: bool) -> None:
    prepared = prepare(test=test)
    predictions = predictions_of(prepared, split)
    found = with_facts(predictions, prepared, split)  # type: ignore[arg-type]
    assert found.ids is not None
    assert found.samples is not None
    assert hash_ids(found.ids).tolist() == found.samples.tolist()
    plants = [f"{name.split('/')[0]} plant {int(name.split('/')[1][:-4]) // 2}" for name in found.ids]
    assert found.groups is not None
    assert found.groups.tolist() == hash_ids(plants).tolist()
    assert found.hierarchy == HIERARCHY


def test_each_fold_has_those_of_its_own_images(prepare: Prepare) -> None:
    seen: list[str] = []
    for fold in (1, 2):
        prepared = prepare(folds=2, fold=fold)
        found = with_facts(predictions_of(prepared, "test"), prepared, "test")
        assert found.ids is not None
        assert found.samples is not None
        assert hash_ids(found.ids).tolist() == found.samples.tolist()
        seen += found.ids
    assert sorted(seen) == sorted(f"train/{number}.png" for number in range(40))


def test_without_groups_or_a_hierarchy_there_are_only_ids(prepare: Prepare) -> None:
    prepared = prepare(groups=False, hierarchy=None)
    found = with_facts(predictions_of(prepared, "test"), prepared, "test")
    assert found.ids == tuple(f"test/{number}.png" for number in range(6))
    assert (found.groups, found.hierarchy, prepared.hierarchy) == (None, None, ())


def test_data_of_earlier_versions_get_them_when_they_are_found_again(prepare: Prepare) -> None:
    prepared = prepare(hierarchy=None)
    folder = Path(prepared.folder)
    for file in folder.glob("*-ids.npy"):
        file.unlink()
    assert load_facts(folder, "test") == {}
    assert with_facts(predictions_of(prepared, "test"), prepared, "test").ids is None
    again = prepare()
    assert (again.folder, again.fingerprint) == (prepared.folder, prepared.fingerprint)
    assert again.hierarchy == HIERARCHY.ancestors
    assert with_facts(predictions_of(again, "test"), again, "test").ids is not None


def test_columns_of_other_classes_have_no_hierarchy(prepare: Prepare) -> None:
    prepared = prepare()
    plain = predictions_of(prepared, "test")
    wider = replace(plain, logits=np.zeros((6, 3), dtype=np.float32), classes=("a", "b", "c"))
    assert with_facts(wider, prepared, "test").hierarchy is None
