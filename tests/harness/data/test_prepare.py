"""Prepared data: decoded once, split once, cached by content, and honest about what is in it."""

from __future__ import annotations

import io
import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.data.image_shape import Wanted
from harness.data.images import PreparedData
from harness.data.prepare import prepare_data
from harness.data.settings import DataSettings
from harness.records.spec import DatasetSpec, ProviderSpec
from tests.harness.data.toy_splits import TEST, TRAIN, Prepare, png, splits
from zoo.dataset import Dataset, Split, Splits
from zoo.errors import DataError, PluginError
from zoo.preparation import Preparation

SAMPLE_FILES = ("encoded.bin", "paths.npy", "places.npy", "states.npy")
"""The index of a few encoded images, with which decoding is measured."""


def test_images_labels_and_samples_are_stored_in_files(prepare: Prepare) -> None:
    prepared = prepare(splits(TRAIN, TEST), val_fraction=0.2)
    assert (prepared.num_train, prepared.num_val, prepared.num_test) == (16, 4, 6)
    assert (prepared.image_size, prepared.channels, prepared.classes) == (8, 3, ("a", "b"))
    test = prepared.load("test")
    assert (test.images_NHWC[2] == np.asarray(Image.open(io.BytesIO(TEST[2])))).all()
    assert test.labels_N.tolist() == [0, 1, 0, 1, 0, 1]
    assert len(set(test.samples_N.tolist())) == 6
    assert {path.name for path in Path(prepared.folder).iterdir()} == {"data.json"} | {
        f"{split}-{what}.npy" for split in ("train", "val", "test") for what in ("images", "labels", "samples")
    } | {"val-ids.npy", "test-ids.npy"} | {f"test-sample-{what}" for what in SAMPLE_FILES}


def test_the_number_of_workers_changes_nothing(prepare: Prepare) -> None:
    many = splits([png(i, (9, 7)) for i in range(600)], TEST)
    one = prepare(many, workers=1, cache="one", image_size=8)
    five = prepare(many, workers=5, cache="five", image_size=8)
    assert one.model_copy(update={"folder": ""}) == five.model_copy(update={"folder": ""})
    assert (one.load("train").images_NHWC == five.load("train").images_NHWC).all()


def test_a_second_call_reads_the_cache_and_decodes_nothing(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepare(splits(TRAIN, TEST))
    monkeypatch.setattr("harness.data.prepare.write_images", lambda *_, **__: pytest.fail("decoded again"))
    assert prepare(splits(TRAIN, TEST)) == first


def test_flips_being_allowed_or_not_is_no_reason_to_decode_again(prepare: Prepare) -> None:
    first, second = prepare(splits(TRAIN, TEST)), prepare(splits(TRAIN, TEST), mirror_symmetric=False)
    assert (first.folder, first.mirror_symmetric, second.mirror_symmetric) == (second.folder, True, False)


@pytest.mark.parametrize(
    "setting",
    [
        {"image_size": 6}, {"limit_train": 10}, {"limit_test": 4}, {"val_fraction": 0.3}, {"options": {"x": 1}},
        {"argument": "y"}, {"version": "2"}, {"provider": ProviderSpec(plugin="test", code_hash="other")},
    ],
    ids=lambda setting: next(iter(setting)),
)  # fmt: skip
def test_settings_that_change_the_result_are_prepared_separately(prepare: Prepare, setting: dict[str, object]) -> None:
    """Caches that were keyed by less served another's answers (lm-evaluation-harness#4063, pytorch/ao#3073)."""
    assert prepare(splits(TRAIN, TEST)).folder != prepare(splits(TRAIN, TEST), **setting).folder


def test_a_failed_preparation_leaves_nothing_behind(prepare: Prepare, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        prepare(splits(TRAIN, [b"junk", b"junk"]))
    assert [path for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"] == []


def test_a_damaged_cache_is_made_again(prepare: Prepare) -> None:
    first = prepare(splits(TRAIN, TEST))
    images = Path(first.folder) / "train-images.npy"
    images.write_bytes(images.read_bytes()[:-100])
    assert prepare(splits(TRAIN, TEST)) == first
    assert prepare(splits(TRAIN, TEST)).load("train").images_NHWC.shape == (18, 8, 8, 3)
    (Path(first.folder) / "data.json").write_text("{")
    assert prepare(splits(TRAIN, TEST)) == first


def test_leftovers_of_a_killed_process_are_removed(prepare: Prepare, tmp_path: Path) -> None:
    folder = Path(prepare(splits(TRAIN, TEST)).folder)
    (folder / "data.json").unlink()
    stale = folder.parent / f".tmp-{folder.name}-abc"
    stale.mkdir()
    (stale / "train-images.npy").write_bytes(b"half")
    prepare(splits(TRAIN, TEST))
    assert not stale.exists()


def test_a_moved_cache_works(prepare: Prepare, tmp_path: Path) -> None:
    first = prepare(splits(TRAIN, TEST))
    (tmp_path / "cache").rename(tmp_path / "moved")
    second = prepare(splits(TRAIN, TEST), cache="moved")
    assert second.folder == str(tmp_path / "moved" / Path(first.folder).name)
    assert len(second.load("val")) == first.num_val


def test_two_at_once_decode_once(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.data import prepare as preparing

    calls = []
    original = preparing._prepare

    def counted(*args: object) -> PreparedData:
        calls.append(threading.get_ident())
        return original(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(preparing, "_prepare", counted)
    found: list[PreparedData] = []
    threads = [threading.Thread(target=lambda: found.append(prepare(splits(TRAIN, TEST)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert [each == found[0] for each in found] == [True] * 4


def test_a_plugin_that_raises_or_returns_nonsense_is_one_sentence(prepare: Prepare) -> None:
    def broken(request: object) -> Splits:
        raise RuntimeError("no\nluck")

    with pytest.raises(PluginError, match="'test/shapes' failed: RuntimeError: no luck"):
        prepare(broken)
    with pytest.raises(PluginError, match="loaded list, not Splits"):
        prepare(lambda request: [])


def test_a_missing_file_is_named(prepare: Prepare, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file .*gone\.png"):
        prepare(splits([tmp_path / "gone.png"] * 4))


def test_arrays_that_do_not_fit_on_the_disk_are_an_error_that_says_so(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Image files are decoded anew in each epoch then; see ``test_streaming_images``."""
    monkeypatch.setattr("harness.data.prepare.shutil.disk_usage", lambda path: type("Usage", (), {"free": 10})())
    arrays = Split(images=np.zeros((20, 4, 4, 1), dtype=np.uint8), labels=np.arange(20) % 2)
    with pytest.raises(DataError, match=r"320 bytes, but only 10 bytes are free in .* arrays instead of image files"):
        prepare(Splits(classes=("a", "b"), train=arrays))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_that_cannot_be_written_is_one_sentence(prepare: Prepare, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(mode=0o500)
    with pytest.raises(DataError, match="shapes cannot be prepared in"):
        prepare(splits(TRAIN, TEST))


def test_progress_is_reported_and_ends_at_one(tmp_path: Path) -> None:
    heard: list[tuple[str, float | None]] = []
    dataset = Dataset(name="shapes", load=lambda request: splits(TRAIN, TEST))
    spec = DatasetSpec(full_name="t/shapes", display_name="shapes", provider=ProviderSpec(plugin="t"))
    prepare_data(
        dataset,
        spec,
        DataSettings(data_root=tmp_path, cache=tmp_path),
        report=lambda message, share: heard.append((message, share)),
    )
    shares = [share for message, share in heard if "decoding" in message and share is not None]
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_the_written_facts_are_plain_json(prepare: Prepare) -> None:
    prepared = prepare(splits(TRAIN, TEST))
    raw = json.loads((Path(prepared.folder) / "data.json").read_text())
    assert raw["fingerprint"] == prepared.fingerprint
    assert raw["num_val"] == prepared.num_val


@pytest.mark.parametrize("whole", [True, False])
def test_whole_training_images_are_kept_where_random_crops_are_drawn_from_them(tmp_path: Path, whole: bool) -> None:
    oblong = splits([png(i, (19, 14)) for i in range(20)], TEST)
    dataset = Dataset(name="shapes", load=lambda request: oblong)
    spec = DatasetSpec(full_name="t/shapes", display_name="shapes", provider=ProviderSpec(plugin="t"))
    where = DataSettings(data_root=tmp_path, cache=tmp_path / "cache")
    wanted = Wanted(preparation=Preparation(size=8), whole=whole)
    prepared = prepare_data(dataset, spec, where, report=lambda *_: None, wanted=wanted)
    assert len(prepared.folders) == 1 + whole
    train = prepared.load("train")
    assert train.images_NHWC.shape[1:] == (8, 8, 3)
    assert (train.whole is not None) == whole
    if train.whole is not None:
        assert len(train.whole) == len(train)
        height, width, channels = train.whole[0].shape
        assert (channels, width > height) == (3, True)


@pytest.mark.slow
def test_cifar10_has_its_published_size_balance_and_moments(data_root: Path, tmp_path: Path) -> None:
    """50,000 / 10,000 images; mean and standard deviation over the whole of train are widely published."""
    if not (data_root / "cifar10").is_dir():
        pytest.skip("no cifar10 in the data root")
    from zoo.loading import Sources, build_catalog

    entry = build_catalog(Sources(entry_points=False)).datasets.get("cifar10")
    spec = DatasetSpec(full_name="zoo/cifar10", display_name="cifar10", provider=ProviderSpec(plugin="x"))
    prepared = prepare_data(
        entry.record,
        spec,
        DataSettings(data_root=data_root, cache=tmp_path, download=False),
        report=lambda *_: None,
    )
    assert (prepared.num_train, prepared.num_val, prepared.num_test) == (45_000, 5_000, 10_000)
    sets = {name: prepared.load(name) for name in ("train", "val", "test")}
    assert {name: set(np.bincount(each.labels_N).tolist()) for name, each in sets.items()} == {
        "train": {4500}, "val": {500}, "test": {1000}
    }  # fmt: skip
    pixels = np.concatenate([sets["train"].images_NHWC, sets["val"].images_NHWC]).reshape(-1, 3)
    histogram = np.stack([np.bincount(pixels[:, c], minlength=256) for c in range(3)])
    mean = histogram @ np.arange(256) / len(pixels) / 255
    std = np.sqrt(histogram @ np.arange(256) ** 2 / len(pixels) / 255**2 - mean**2)
    assert mean == pytest.approx([0.49140, 0.48216, 0.44653], abs=6e-6)
    assert std == pytest.approx([0.24703, 0.24349, 0.26159], abs=6e-6)


def test_changed_content_is_noticed(prepare: Prepare, tmp_path: Path) -> None:
    """A dataset that was uploaded again mixed old and new scores (mteb#5228)."""
    in_memory = prepare(splits(TRAIN, TEST)), prepare(splits([*TRAIN[:-1], png(999)], TEST))
    assert in_memory[0].fingerprint != in_memory[1].fingerprint
    paths = []
    for i in range(10):
        paths.append(tmp_path / f"{i}.png")
        paths[-1].write_bytes(png(i))
    before = prepare(splits(paths))
    changed = png(77)
    paths[3].write_bytes(changed)
    os.utime(paths[3], ns=(1, 1))
    after = prepare(splits(paths))
    assert before.fingerprint != after.fingerprint
    labels = splits(paths)
    swapped = replace(labels.train, labels=labels.train.labels[::-1].copy())
    assert prepare(replace(labels, train=swapped)).fingerprint != after.fingerprint


def test_the_fingerprint_is_of_content_and_not_of_where_it_lies(prepare: Prepare, tmp_path: Path) -> None:
    paths = []
    for i, content in enumerate(TRAIN):
        paths.append(tmp_path / f"{i}.png")
        paths[-1].write_bytes(content)
    assert prepare(splits(paths, TEST)).fingerprint == prepare(splits(TRAIN, TEST)).fingerprint
