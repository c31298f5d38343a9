"""Published layouts of image files; torchvision itself is the referee."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from plugins.datasets.published.file_layouts import read_dtd, read_eurosat, read_imagenet
from tests.plugins.datasets.published.small_files import FILES, Load, write_gtsrb
from zoo.errors import DataError

Photo = Callable[..., Path]


def test_folders_of_eurosat_are_its_classes(photo: Photo, tmp_path: Path) -> None:
    for name in ("River/River_1.png", "Forest/Forest_1.png", "Forest/Forest_2.png"):
        photo(tmp_path / "eurosat" / "2750" / name)
    splits = read_eurosat(tmp_path, {})
    assert (splits.classes, splits.train.labels.tolist()) == (("Forest", "River"), [0, 0, 1])


def test_a_partition_of_dtd_is_read_from_its_lists(tmp_path: Path) -> None:
    folder = tmp_path / "dtd" / "dtd" / "labels"
    folder.mkdir(parents=True)
    for name, lines in {"train2": "a/1.jpg\nb/2.jpg\n", "val2": "a/3.jpg\n", "test2": "b/4.jpg\n"}.items():
        (folder / f"{name}.txt").write_text(lines, encoding="utf-8")
    splits = read_dtd(tmp_path, {"partition": 2})
    assert splits.test is not None
    assert (splits.classes, splits.test.labels.tolist()) == (("a", "b"), [1])


def test_imagenet_needs_the_same_classes_in_both_splits(photo: Photo, tmp_path: Path) -> None:
    for name in ("train/n01/1.png", "train/n02/1.png", "val/n01/1.png"):
        photo(tmp_path / "imagenet" / name)
    with pytest.raises(DataError, match="same 2 class folders as train; it has 1"):
        read_imagenet(tmp_path, {})


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_files_are_found_as_torchvision_finds_them(
    load: Load, photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write, class_name = FILES[name]
    write(tmp_path, photo)
    import torchvision.datasets as referee
    from PIL import Image
    from torchvision.datasets import flowers102

    monkeypatch.setattr(flowers102, "check_integrity", lambda *_: True)
    splits = load(name, root=tmp_path)
    official = {"train": "trainval"} if name == "oxford_iiit_pet" else {}
    for split_name in ("train", "val", "test"):
        split = getattr(splits, split_name)
        if split is None:
            continue
        arguments = {} if name == "eurosat" else {"split": official.get(split_name, split_name)}
        expected = getattr(referee, class_name)(tmp_path, **arguments)

        def content(image: Image.Image) -> bytes:
            return image.convert("RGB").tobytes()

        theirs = sorted((content(image), label) for image, label in (expected[i] for i in range(len(expected))))
        ours = sorted(
            (content(Image.open(path)), int(label)) for path, label in zip(split.encoded, split.labels, strict=True)
        )
        assert ours == theirs


def test_tracks_of_traffic_signs_stay_together(load: Load, photo: Photo, tmp_path: Path) -> None:
    write_gtsrb(tmp_path, photo)
    groups = load("gtsrb", root=tmp_path).train.groups
    assert groups is not None
    assert groups[:4] == ["0/00000", "0/00000", "0/00001", "0/00001"]
    assert len(set(groups)) == 86


def test_the_validation_images_of_imagenet_are_its_test_split(load: Load, photo: Photo, tmp_path: Path) -> None:
    for k in range(1000):
        for split in ("train", "val"):
            folder = tmp_path / "imagenet" / split / f"n{k:08d}"
            folder.mkdir(parents=True)
            (folder / "1.JPEG").write_bytes(b"")
    (tmp_path / "imagenet" / "LOC_synset_mapping.txt").write_text("n00000000 tench, Tinca tinca\n")
    splits = load("imagenet", root=tmp_path)
    assert splits.val is None
    assert splits.test is not None
    assert (len(splits.train), len(splits.test)) == (1000, 1000)
    assert splits.classes[:2] == ("n00000000 tench, Tinca tinca", "n00000001")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", FILES)
def test_a_pipe_instead_of_any_list_is_an_error_and_not_a_wait(
    load: Load, photo: Photo, tmp_path: Path, name: str
) -> None:
    FILES[name][0](tmp_path, photo)
    lists = [each for each in sorted(tmp_path.rglob("*")) if each.suffix in (".csv", ".txt", ".mat", ".json")]
    for path in lists:
        kept = path.read_bytes()
        path.unlink()
        os.mkfifo(path)
        with contextlib.suppress(OSError, DataError):  # some lists are of splits that are not used
            load(name, root=tmp_path)
        path.unlink()
        path.write_bytes(kept)
    load(name, root=tmp_path)
