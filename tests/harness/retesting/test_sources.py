"""Sources: which images a further set has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.data.corruptions.corruption import CORRUPTIONS
from harness.data.images import ImageSet
from harness.records.provenance import provider_spec
from harness.records.spec import DatasetSpec
from harness.retesting.sources import (
    corrupted_chunks,
    digest_of_slice,
    known_set,
    load_further,
    prepared_images,
    slices_of,
)
from zoo.errors import DataError, ZooError
from zoo.preparation import USUAL


@pytest.fixture
def spec_of(catalog):
    def make(name: str, argument: str, **others: object) -> DatasetSpec:
        entry = catalog.datasets.get(name)
        return DatasetSpec(
            full_name=entry.full_name,
            display_name=f"{name}:{argument}",
            argument=argument,
            provider=provider_spec(entry),
            **others,  # type: ignore[arg-type]
        )

    return make


def test_a_dataset_with_a_test_split_gives_that_and_others_give_all(
    spec_of, catalog, settings, photo_folder, other_site
) -> None:
    assert len(load_further(spec_of("folder", str(photo_folder)), catalog, settings).part) == 27
    assert len(load_further(spec_of("folder", str(other_site)), catalog, settings).part) == 27
    assert len(load_further(spec_of("folder", str(other_site), limit_test=6), catalog, settings).part) == 6


def test_content_and_labels_are_in_the_fingerprint(spec_of, catalog, settings, other_site) -> None:
    spec = spec_of("folder", str(other_site))

    def fingerprint() -> str:
        return known_set(load_further(spec, catalog, settings)).fingerprint

    before = fingerprint()
    assert before == fingerprint()
    picture = other_site / "BIRCH" / "00.png"
    Image.new("RGB", (20, 24)).save(picture)
    assert fingerprint() != before


def test_images_are_prepared_once_as_the_network_wants_them(
    spec_of, catalog, settings, other_site, tmp_path, monkeypatch
) -> None:
    def prepare() -> tuple[ImageSet, tuple[str, ...], dict[str, Any]]:
        from dataclasses import replace

        return prepared_images(
            spec_of("folder", str(other_site)),
            catalog,
            settings,
            preparation=replace(USUAL, size=16),
            channels=3,
            bit_depth=None,
            kept_in=tmp_path / "kept",
        )

    images, classes, facts = prepare()
    assert images.images_NHWC.shape == (27, 16, 16, 3)
    assert classes == ("BIRCH", "CEDAR", "MAPLE")
    assert (facts["ids"][0], len(facts["ids"])) == ("BIRCH/00.png", 27)
    monkeypatch.setattr("harness.retesting.sources.write_images", None)
    assert np.array_equal(np.asarray(prepare()[0].images_NHWC), np.asarray(images.images_NHWC))


def test_an_image_that_cannot_be_read_is_an_error(spec_of, catalog, settings, other_site, tmp_path) -> None:
    from dataclasses import replace

    (other_site / "BIRCH" / "00.png").write_bytes((other_site / "BIRCH" / "00.png").read_bytes()[:60])
    with pytest.raises(ZooError, match="an evaluation must include all images"):
        prepared_images(
            spec_of("folder", str(other_site)),
            catalog,
            settings,
            preparation=replace(USUAL, size=16),
            channels=3,
            bit_depth=None,
            kept_in=tmp_path / "kept",
        )


def test_slices_are_named_by_a_column_of_a_table(spec_of, catalog, settings, photo_folder) -> None:
    table = photo_folder / "slices.csv"
    rows = [f"train/{kind}/{n:02}.png,{kind},train," for kind in ("birch", "cedar") for n in range(5)]
    rows += [f"test/birch/0{n}.png,birch,test,{'night' if n < 2 else 'day'}" for n in range(5)]
    table.write_text("\n".join(["path,label,split,slice", *rows, "test/cedar/00.png,cedar,test,"]))
    found = slices_of(spec_of("csv", str(table)), catalog, settings)
    assert {name: len(members) for name, members in found.items()} == {"day": 3, "night": 2}
    assert digest_of_slice(found["day"]) == digest_of_slice(found["day"][::-1]) != digest_of_slice(found["night"])
    with pytest.raises(DataError, match="has no slices; csv:PATH has them in a column called slice"):
        slices_of(spec_of("folder", str(photo_folder)), catalog, settings)


def test_chunks_are_the_corrupted_images_in_order() -> None:
    images = ImageSet(
        images_NHWC=np.random.default_rng(0).integers(0, 256, (10, 8, 8, 3), dtype=np.uint8),
        labels_N=np.arange(10) % 2,
        samples_N=np.arange(10, dtype=np.uint64),
    )
    whole = [np.asarray(each.images_NHWC) for each in corrupted_chunks(images, CORRUPTIONS["shot_noise"], 2, chunk=10)]
    parts = [np.asarray(each.images_NHWC) for each in corrupted_chunks(images, CORRUPTIONS["shot_noise"], 2, chunk=4)]
    assert [len(part) for part in parts] == [4, 4, 2]
    assert np.array_equal(np.concatenate(parts), whole[0])


def test_corrupted_images_are_made_once_for_all_trials(tmp_path, monkeypatch) -> None:
    images = ImageSet(
        images_NHWC=np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8),
        labels_N=np.zeros(6, dtype=np.int64),
        samples_N=np.arange(6, dtype=np.uint64),
    )

    def make(chunk: int) -> bytes:
        found = corrupted_chunks(images, CORRUPTIONS["fog"], 4, chunk=chunk, kept_as=tmp_path / "fog.npy")
        return b"".join(np.asarray(each.images_NHWC).tobytes() for each in found)

    first = make(4)
    monkeypatch.setattr("harness.retesting.sources.corrupt", None)
    assert make(5) == first
