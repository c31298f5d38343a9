"""An audit says what is in a dataset and what is wrong with it, whether or not it can be prepared."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.data.audits.audit import DatasetAudit, SplitAudit
from harness.data.audits.auditing import audit_dataset
from harness.data.prepare import prepare_data
from harness.data.settings import DataSettings
from harness.records.spec import DatasetSpec, ProviderSpec
from zoo.dataset import Dataset, Split, Splits
from zoo.errors import PluginError

Check = Callable[..., DatasetAudit]
SPEC = {"full_name": "test/shapes", "display_name": "shapes", "provider": ProviderSpec(plugin="test", version="7")}


def png(seed: int, size: tuple[int, int] = (8, 8), channels: int = 3) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels if channels > 1 else pixels[..., 0]).save(buffer, "PNG")
    return buffer.getvalue()


def split(name: str, items: Sequence[bytes | Path], labels: Sequence[int] | None = None) -> Split:
    given = np.arange(len(items)) % 2 if labels is None else np.array(labels)
    return Split(encoded=items, labels=given, ids=[f"{name}-{i}" for i in range(len(items))])


TRAIN: list[bytes | Path] = [png(i) for i in range(20)]
VAL: list[bytes | Path] = [png(50 + i) for i in range(4)]
TEST: list[bytes | Path] = [png(100 + i) for i in range(6)]


def splits(train: Split | None = None, val: Split | None = None, test: Split | None = None) -> Splits:
    return Splits(
        classes=("a", "b"),
        train=train or split("train", TRAIN),
        val=val or split("val", VAL),
        test=test or split("test", TEST),
    )


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Make the audit of what a dataset loads."""

    def run(loaded: Splits, **settings: object) -> DatasetAudit:
        dataset = Dataset(name="shapes", load=lambda request: loaded, source="A page")
        spec = DatasetSpec(**SPEC, **settings)  # type: ignore[arg-type]
        return audit_dataset(
            dataset,
            spec,
            DataSettings(data_root=tmp_path, cache=tmp_path / "cache"),
            report=lambda *_: None,
            num_workers=2,
        )

    return run


def named(audit: DatasetAudit, name: str) -> SplitAudit:
    (found,) = [each for each in audit.splits if each.name == name]
    return found


def test_a_sound_dataset_has_no_problem_and_the_fingerprint_of_its_trials(check: Check, tmp_path: Path) -> None:
    audit = check(splits())
    dataset = Dataset(name="shapes", load=lambda request: splits())
    prepared = prepare_data(
        dataset,
        DatasetSpec(**SPEC),
        DataSettings(data_root=tmp_path, cache=tmp_path / "other"),
        report=lambda *_: None,
    )
    assert (audit.problems, audit.error) == ((), "")
    assert audit.fingerprint == prepared.fingerprint
    assert (audit.mean, audit.std) == (prepared.mean, prepared.std)
    assert (audit.name, audit.source, audit.provider) == ("shapes", "A page", "test 7")


def test_images_are_counted_by_split_and_class_with_their_imbalance(check: Check) -> None:
    audit = check(splits(train=split("train", TRAIN, [0] * 15 + [1] * 5)))
    assert named(audit, "train").counts == (15, 5)
    assert named(audit, "train").imbalance == 3
    assert [each.num_images for each in audit.splits] == [20, 4, 6]


def test_a_carved_split_is_shown_with_its_source(check: Check) -> None:
    audit = check(Splits(classes=("a", "b"), train=split("train", TRAIN), test=split("test", TEST)))
    assert [each.carved_from for each in audit.splits] == [None, "train", None]
    assert [each.num_images for each in audit.splits] == [18, 2, 6]


def test_a_class_without_an_image_in_a_split_is_named(check: Check) -> None:
    audit = check(splits(train=split("train", TRAIN, [0] * 20)))
    assert [each.absent for each in audit.splits] == [("b",), (), ()]
    assert named(audit, "train").imbalance == 1


def test_native_sizes_are_those_before_scaling(check: Check) -> None:
    sizes = [(8, 8)] * 10 + [(20, 6)] * 9 + [(40, 30)]
    audit = check(
        splits(train=split("train", [png(i, size, 1 if i == 0 else 3) for i, size in enumerate(sizes)])), image_size=8
    )
    native = audit.native_sizes
    assert native is not None
    assert (native.distinct, native.num_grey) == (3, 1)
    assert (native.width, native.height) == ((8, 8, 40), (6, 8, 30))
    assert [(each.width, each.height, each.num_images) for each in native.common] == [
        (8, 8, 20),
        (20, 6, 9),
        (40, 30, 1),
    ]
    assert audit.image_size == 8


def test_images_in_memory_have_an_audit_too(check: Check) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 5, 5, 1), dtype=np.uint8)
    pixels[11] = pixels[0]
    train = Split(images=pixels, labels=np.arange(12) % 2)
    audit = check(Splits(classes=("a", "b"), train=train), val_fraction=0.25)
    assert audit.channels == 1
    assert audit.native_sizes is not None
    assert audit.native_sizes.width == (5, 5, 5)
    (only,) = audit.duplicates
    assert only.num_images == 1
    assert {*only.conflicts[0].ids} == {"train/0", "train/11"}


def test_an_unreadable_training_image_is_left_out_and_named(check: Check, tmp_path: Path) -> None:
    """A corrupt image silently became its neighbour in timm's ImageDataset."""
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"text")
    train = split("train", [*(png(1000 + i) for i in range(120)), bad])
    audit = check(splits(train=train))
    (unreadable,) = named(audit, "train").unreadable
    assert (unreadable.id, unreadable.path) == ("train-120", str(bad))
    assert unreadable.reason == "not an image of a known format"
    assert named(audit, "train").unreadable_outcome == "left out"
    assert named(audit, "train").num_images == 120
    assert audit.fingerprint is not None
    assert audit.problems == ("1 train image(s) cannot be read",)


@pytest.mark.parametrize("name", ["val", "test"])
def test_unreadable_images_that_keep_a_dataset_from_use_are_listed_beside_what_can_be_read(
    check: Check, name: str
) -> None:
    """A corrupt image silently became its neighbour in timm's ImageDataset."""
    broken = TEST[1]
    assert isinstance(broken, bytes)
    audit = check(splits(**{name: split(name, [TEST[0], broken[: len(broken) // 2], b"", TEST[3]])}))
    found = named(audit, name)
    assert [each.id for each in found.unreadable] == [f"{name}-1", f"{name}-2"]
    assert found.unreadable_outcome == "error"
    assert found.counts == (1, 1)
    assert audit.fingerprint is None
    assert audit.error.startswith(f"2 {name} image(s) cannot be read")
    assert f"2 {name} image(s) cannot be read" in audit.problems
    sound = check(splits())
    assert (audit.mean, audit.std) == (sound.mean, sound.std)


def test_many_unreadable_training_images_are_all_listed(check: Check) -> None:
    audit = check(splits(train=split("train", [*TRAIN[:12], *[b"junk"] * 8])))
    assert len(named(audit, "train").unreadable) == 8
    assert named(audit, "train").unreadable_outcome == "error"
    assert "more than 1%" in audit.error


def test_the_audit_reports_that_nothing_can_be_read(check: Check) -> None:
    junk = [b"junk"] * 4
    audit = check(splits(split("train", junk), split("val", junk), split("test", junk)))
    assert (audit.mean, audit.native_sizes, audit.duplicates) == (None, None, ())
    assert [each.imbalance for each in audit.splits] == [None] * 3


def test_a_file_that_is_gone_is_an_unreadable_image(check: Check, tmp_path: Path) -> None:
    audit = check(splits(test=split("test", [*TEST, tmp_path / "gone.png"])))
    (unreadable,) = named(audit, "test").unreadable
    assert unreadable.path == str(tmp_path / "gone.png")
    assert "No such file" in unreadable.reason


def test_duplicates_are_found_within_a_split_and_across_splits(check: Check) -> None:
    audit = check(
        splits(
            train=split("train", [*TRAIN, TRAIN[0], TRAIN[0]], [*[0, 1] * 10, 0, 0]),
            val=split("val", [*VAL, TRAIN[3]], [0, 1, 0, 1, 1]),
            test=split("test", [*TEST, TRAIN[3], VAL[0]], [0, 1, 0, 1, 0, 1, 1, 0]),
        )
    )
    found = {each.splits: each for each in audit.duplicates}
    assert {key: each.num_images for key, each in found.items()} == {
        ("train",): 2, ("train", "val"): 1, ("train", "test"): 1, ("val", "test"): 2,
    }  # fmt: skip
    assert [each.ids for each in found["train",].twins] == [("train-0", "train-20"), ("train-0", "train-21")]
    assert found["train", "test"].twins[0].ids == ("train-3", "test-6")
    assert all(each.num_conflicting == 0 for each in found.values())
    assert audit.problems == (
        "1 val image(s) are also in train",
        "1 test image(s) are also in train",
        "2 test image(s) are also in val",
    )


def test_equal_images_with_different_labels_are_flagged_apart(check: Check) -> None:
    audit = check(splits(train=split("train", [*TRAIN, TRAIN[0], TRAIN[1]], [*[0, 1] * 10, 1, 1])))
    (found,) = audit.duplicates
    assert (found.num_images, found.num_conflicting) == (2, 1)
    assert [each.ids for each in found.twins] == [("train-1", "train-21")]
    assert [(each.ids, each.classes) for each in found.conflicts] == [(("train-0", "train-20"), ("a", "b"))]
    assert audit.problems == ("1 image(s) are in train with different labels",)


def grouped(name: str, items: Sequence[bytes | Path], groups: Sequence[str]) -> Split:
    return replace(split(name, items), groups=[groups[i % len(groups)] for i in range(len(items))])


def test_a_group_in_two_splits_is_a_problem_and_no_note(check: Check) -> None:
    audit = check(splits(grouped("train", TRAIN, ["p1", "p2"]), test=grouped("test", TEST, ["p2", "p3"])))
    assert audit.num_groups == 3
    assert audit.problems == ("1 group(s) are in both the train and the test split of the source",)
    assert not any("group(s)" in note for note in audit.notes)


def test_groups_of_a_split_that_is_carved_are_not_shared_by_it(check: Check) -> None:
    train = grouped("train", TRAIN, ["p1", "p2", "p3", "p4"])
    audit = check(Splits(classes=("a", "b"), train=train, test=grouped("test", TEST, ["p9"])))
    assert audit.num_groups == 5
    assert audit.problems == ()


def test_duplicates_are_detected_by_pixels_and_not_by_bytes(check: Check) -> None:
    assert isinstance(TRAIN[4], bytes)
    buffer = io.BytesIO()
    Image.open(io.BytesIO(TRAIN[4])).save(buffer, "BMP")
    (found,) = check(splits(test=split("test", [buffer.getvalue(), *TEST]))).duplicates
    assert found.twins[0].ids == ("train-4", "test-0")


def test_duplicates_are_found_where_the_dataset_cannot_be_prepared(check: Check) -> None:
    audit = check(splits(test=split("test", [TRAIN[0], b"junk"])))
    (found,) = audit.duplicates
    assert (found.splits, found.num_images) == (("train", "test"), 1)


def test_limits_hold_for_the_audit_too(check: Check) -> None:
    audit = check(splits(), limit_train=12, limit_test=2)
    assert [each.num_images for each in audit.splits] == [10, 2, 2]
    assert any(note.startswith("limit_train") for note in audit.notes)


def test_a_dataset_that_exits_is_its_plugins_fault(check: Check, tmp_path: Path) -> None:
    dataset = Dataset(name="shapes", load=lambda request: sys.exit(0))
    with pytest.raises(PluginError, match=r"'test/shapes' failed: it called sys.exit\(0\)"):
        audit_dataset(
            dataset, DatasetSpec(**SPEC), DataSettings(data_root=tmp_path, cache=tmp_path), report=lambda *_: None
        )


def test_a_file_whose_content_went_bad_behind_its_time_is_counted(check: Check, tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    content = png(999)
    path.write_bytes(content)
    os.utime(path, ns=(10**18, 10**18))
    given = splits(test=split("test", [*TEST, path]))
    assert check(given).problems == ()
    path.write_bytes(b"\0" * len(content))
    os.utime(path, ns=(10**18, 10**18))
    assert check(given).problems == ("1 image(s) are decoded in the cache, but their files can no longer be read",)


def test_an_audit_is_made_without_torch() -> None:
    code = "import harness.data.audits.audit, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.slow
def test_cifar10_has_no_two_images_of_equal_pixels(data_root: Path, tmp_path: Path) -> None:
    """Its known duplicates (Barz and Denzler 2020) are near ones: recompressed, shifted or recoloured."""
    if not (data_root / "cifar10").is_dir():
        pytest.skip("no cifar10 in the data root")
    from zoo.loading import Sources, build_catalog

    entry = build_catalog(Sources(entry_points=False)).datasets.get("cifar10")
    spec = DatasetSpec(full_name="zoo/cifar10", display_name="cifar10", provider=ProviderSpec(plugin="x"))
    audit = audit_dataset(
        entry.record,
        spec,
        DataSettings(data_root=data_root, cache=tmp_path, download=False),
        report=lambda *_: None,
    )
    assert (audit.duplicates, audit.problems) == ((), ())
    assert [each.counts for each in audit.splits] == [(4500,) * 10, (500,) * 10, (1000,) * 10]
    assert audit.native_sizes is not None
    assert (audit.native_sizes.distinct, audit.native_sizes.width) == (1, (32, 32, 32))
