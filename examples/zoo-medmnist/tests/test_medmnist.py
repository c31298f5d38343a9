"""What is declared is what MedMNIST says, and what cannot be read or had is one sentence."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import medmnist
import numpy as np
import pytest
from zoo_medmnist.plugin import FACTS

import zoo
from zoo.errors import DataError, UsageError


def _load(root: Path, name: str, *, download: bool = False, **options: Any) -> zoo.Splits:
    entry = zoo.build_catalog().datasets.get(f"medmnist/{name}")
    options = {**entry.record.options, **options}
    return entry.record.load(zoo.DataRequest(root=root, options=options, download=download))


@pytest.mark.parametrize("name", FACTS)
def test_declared_facts_match_those_of_medmnist(name: str) -> None:
    info, facts = medmnist.INFO[name], FACTS[name]
    counts = (info["n_samples"]["train"], info["n_samples"]["test"])
    assert (facts.num_classes, facts.channels) == (len(info["label"]), info["n_channels"])
    assert (facts.num_train, facts.num_test) == counts


def test_every_data_set_with_one_label_for_an_image_is_there() -> None:
    flat = [name for name in medmnist.INFO if not name.endswith("3d")]
    assert set(FACTS) == {name for name in flat if "multi-label" not in medmnist.INFO[name]["task"]}


def test_images_labels_and_splits_are_read_as_they_are(tmp_path: Path, write_npz: Any) -> None:
    path = write_npz(tmp_path / "medmnist", "breastmnist")
    splits = _load(tmp_path, "breastmnist")
    assert splits.classes == ("malignant", "normal, benign")
    assert splits.val is not None
    assert splits.test is not None
    assert [len(split) for split in (splits.train, splits.val, splits.test)] == [546, 78, 156]
    with np.load(path) as arrays:
        assert np.array_equal(splits.test.images[..., 0], arrays["test_images"])
        assert np.array_equal(splits.test.labels, arrays["test_labels"][:, 0])


def test_larger_and_coloured_images_are_read_too(tmp_path: Path, write_npz: Any) -> None:
    write_npz(tmp_path, "retinamnist", size=64, channels=3, num_classes=5)
    splits = _load(tmp_path, "retinamnist", size=64)
    assert splits.train.images is not None
    assert splits.train.images.shape == (1080, 64, 64, 3)


def test_a_size_that_medmnist_has_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="must be one of 28, 64, 128, 224, got 32"):
        _load(tmp_path, "breastmnist", size=32)


def test_without_a_file_or_network_the_error_explains_where_files_go(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"put breastmnist_64\.npz into .*medmnist; it can be downloaded from https://"):
        _load(tmp_path, "breastmnist", size=64)


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 torn"])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "breastmnist.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"breastmnist\.npz is not breastmnist as published by MedMNIST"):
        _load(tmp_path, "breastmnist")


def test_a_file_of_another_kind_is_one_sentence(tmp_path: Path) -> None:
    np.savez(tmp_path / "breastmnist.npz", train_images=np.array([{}], dtype=object), other=np.zeros(3))
    with pytest.raises(DataError, match="is not breastmnist"):
        _load(tmp_path, "breastmnist")


def test_several_labels_for_one_image_are_refused(tmp_path: Path) -> None:
    arrays = {}
    for split in ("train", "val", "test"):
        arrays[f"{split}_images"] = np.zeros((4, 28, 28), np.uint8)
        arrays[f"{split}_labels"] = np.zeros((4, 14), np.uint8)
    np.savez(tmp_path / "breastmnist.npz", **arrays)
    with pytest.raises(DataError, match="not one label for each image"):
        _load(tmp_path, "breastmnist")


def _serve(monkeypatch: pytest.MonkeyPatch, path: Path, md5: str) -> None:
    """Have the package name a file on this machine as what is to be downloaded."""
    monkeypatch.setitem(medmnist.INFO["breastmnist"], "url", path.as_uri())
    monkeypatch.setitem(medmnist.INFO["breastmnist"], "MD5", md5)


def test_a_download_is_checked_and_kept(tmp_path: Path, write_npz: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_npz(tmp_path / "source", "breastmnist")
    _serve(monkeypatch, source, hashlib.md5(source.read_bytes(), usedforsecurity=False).hexdigest())
    assert len(_load(tmp_path / "root", "breastmnist", download=True).train) == 546
    assert [path.name for path in (tmp_path / "root" / "medmnist").iterdir()] == ["breastmnist.npz"]


def test_a_download_with_another_checksum_is_rejected_and_leaves_nothing(
    tmp_path: Path, write_npz: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _serve(monkeypatch, write_npz(tmp_path / "source", "breastmnist"), "0" * 32)
    with pytest.raises(DataError, match="is not the one that MedMNIST published"):
        _load(tmp_path / "root", "breastmnist", download=True)
    assert list((tmp_path / "root" / "medmnist").iterdir()) == []


def test_a_failed_download_explains_where_to_put_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _serve(monkeypatch, tmp_path / "absent.npz", "")
    with pytest.raises(DataError, match=r"cannot be downloaded from file://.*; put that file into"):
        _load(tmp_path / "root", "breastmnist", download=True)


def test_the_plugin_is_light_at_import() -> None:
    code = "import sys, zoo_medmnist.plugin; sys.exit(bool({'torch', 'numpy', 'medmnist'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
