"""``hf:NAME``, with a dataset in a folder standing for one on the hub."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from plugins.datasets.hub import image_content
from zoo import Splits
from zoo.errors import DataError, UsageError

Load = Callable[..., Splits]


def test_without_the_library_one_sentence_names_the_package_to_install(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match=r"pip install 'zoobench\[datasets\]'"):
        load("hf", "uoft-cs/cifar10")


def test_a_name_is_needed(load: Load) -> None:
    with pytest.raises(UsageError, match="hf needs a name"):
        load("hf")


@pytest.mark.parametrize("path", ["/home/me/photos", "./photos", "../photos", "~/photos", "photos/"])
def test_a_path_is_not_a_name(load: Load, path: str) -> None:
    """The library takes ``/home`` of the first one for a dataset, and searches everything below it for files."""
    with pytest.raises(UsageError, match=r"is not the name of a dataset on the hub.*folder:PATH"):
        load("hf", path)


def test_a_row_may_name_only_files_that_came_with_its_dataset(tmp_path: Path) -> None:
    """A row of a table on the hub can name any path, such as that of a private photograph."""
    cache, private = tmp_path / "hf", tmp_path / "private.png"
    cache.mkdir()
    for path in (cache / "own.png", private):
        path.write_bytes(b"pixels")
    (cache / "link.png").symlink_to(private)
    assert image_content({"bytes": b"inner", "path": str(private)}, [cache]) == b"inner"
    assert image_content({"bytes": None, "path": str(cache / "own.png")}, [cache]) == b"pixels"
    for path in (private, cache / ".." / "private.png", cache / "link.png"):
        with pytest.raises(DataError, match=r"names the file .* which does not belong to it"):
            image_content({"bytes": None, "path": str(path)}, [cache])


@pytest.mark.slow
def test_images_and_class_labels_are_found_by_their_types(
    load: Load, photo: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("datasets", reason="the extra 'datasets' is not installed")
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            for number in range(2):
                photo(tmp_path / "owner" / "pets" / split / name / f"{number}.png", number)
    monkeypatch.chdir(tmp_path)
    splits = load("hf", "owner/pets")
    assert splits.classes == ("cat", "dog")
    assert splits.test is not None
    assert sorted(splits.test.labels.tolist()) == [0, 0, 1, 1]
    assert splits.train.encoded is not None
    assert bytes(splits.train.encoded[0])[:4] == b"\x89PNG"  # type: ignore[arg-type]
    assert splits.train.signature


@pytest.mark.slow
def test_a_name_that_is_not_there_is_one_sentence(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets", reason="the extra 'datasets' is not installed")
    with pytest.raises(DataError, match="hf:no/such-thing cannot be had") as caught:
        load("hf", "no/such-thing")
    assert "\n" not in str(caught.value)
