"""Features in the cache: written whole or not at all, found under their key only, listed and cleared."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.data.cache.clearing import clear
from harness.data.cache.entries import CacheEntry, list_cache
from harness.data.cache.feature_files import FeatureFolder, speed_file

FEATURES = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    return tmp_path


def entries(root: Path) -> list[CacheEntry]:
    return list_cache(root, now=time.time())


def test_what_was_written_is_read(root: Path) -> None:
    folder = FeatureFolder("net-set", {"weights": "a"})
    assert folder.read("train", num_images=4) is None
    folder.write("train", FEATURES)
    found = FeatureFolder("net-set", {"weights": "a"}).read("train", num_images=4)
    np.testing.assert_array_equal(found, FEATURES)
    assert folder.read("val", num_images=4) is None


def test_another_field_is_another_folder(root: Path) -> None:
    FeatureFolder("net-set", {"weights": "a"}).write("train", FEATURES)
    assert FeatureFolder("net-set", {"weights": "b"}).read("train", num_images=4) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-4]),
        lambda path: path.write_bytes(b"no array"),
        lambda path: np.save(path, FEATURES.astype(np.float64)),
        lambda path: np.save(path, FEATURES[0]),
        lambda path: np.save(path, FEATURES[:3]),
        lambda path: np.save(path, np.where(FEATURES == 5, np.float32("nan"), FEATURES)),
    ],
    ids=["cut", "other", "doubles", "flat", "fewer images", "not finite"],
)
def test_a_damaged_file_is_as_good_as_none(root: Path, damage: Callable[[Path], object]) -> None:
    folder = FeatureFolder("net-set", {})
    folder.write("train", FEATURES)
    assert folder.path is not None
    damage(folder.path / "train.npy")
    assert folder.read("train", num_images=4) is None


def test_facts_are_kept_beside_them(root: Path) -> None:
    folder = FeatureFolder("net-set", {})
    assert folder.read_facts() is None
    folder.write_facts({"layer": "fc"})
    assert folder.read_facts() == {"layer": "fc"}
    assert folder.path is not None
    (folder.path / "facts.json").write_text("[1")
    assert folder.read_facts() is None


def test_a_cache_that_cannot_be_written_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "file" / "below"))
    folder = FeatureFolder("net-set", {})
    with folder.locked():
        folder.write("train", FEATURES)
    assert folder.read("train", num_images=4) is None


def test_two_processes_do_not_compute_the_same_features(root: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with FeatureFolder("net-set", {}).locked():
            order.append("second")

    with FeatureFolder("net-set", {}).locked():
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_they_are_listed_and_cleared(root: Path) -> None:
    folder = FeatureFolder("net-set", {"weights": "a"})
    folder.write("train", FEATURES)
    folder.write("test", FEATURES)
    folder.write_facts({"layer": "fc"})
    folder.write_facts({}, speed_file("f" * 64))
    assert folder.path is not None
    (entry,) = entries(root)
    assert (entry.kind, entry.title, entry.num_images, entry.path) == ("features", "net-set", 8, folder.path)
    assert entry.num_bytes == sum(path.stat().st_size for path in folder.path.iterdir())
    with folder.locked():
        assert clear(entries(root)[0]).left_because == "it is in use"
    assert clear(entry).left_because == ""
    assert not folder.path.exists()


def test_files_of_others_among_them_are_left(root: Path) -> None:
    folder = FeatureFolder("net-set", {})
    folder.write("train", FEATURES)
    assert folder.path is not None
    (folder.path / "thesis.txt").touch()
    assert "'thesis.txt'" in clear(entries(root)[0]).left_because
    assert (folder.path / "train.npy").exists()


def test_reading_them_counts_as_use(root: Path) -> None:
    folder = FeatureFolder("net-set", {})
    folder.write("train", FEATURES)
    folder.write_facts({})
    assert folder.path is not None
    for path in (*folder.path.iterdir(), folder.path):
        os.utime(path, (1e9, 1e9))
    assert entries(root)[0].last_used == 1e9
    folder.read("train", num_images=4)
    assert time.time() - entries(root)[0].last_used < 60
