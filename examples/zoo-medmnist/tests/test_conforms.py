"""Every dataset says honestly when it is not there; one, with images in the real format, is held to everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zoo.testing import parametrize_with_checks


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory, write_npz: Any) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_npz(root / "medmnist", "breastmnist")
    return root


@pytest.fixture(autouse=True)
def _own_data(data_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_DATA", str(data_root))


@parametrize_with_checks("zoo_medmnist.plugin")
def test_conforms(check: Any) -> None:
    check()


def test_one_dataset_is_there_so_that_the_checks_look_at_something(data_root: Path) -> None:
    import zoo

    entry = zoo.build_catalog().datasets.get("medmnist/breastmnist")
    splits = entry.record.load(zoo.DataRequest(root=data_root, options=entry.record.options, download=False))
    assert len(splits.train) == entry.record.num_train
