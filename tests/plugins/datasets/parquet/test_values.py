"""The values of Parquet columns: images in order and on demand, their file names, and damage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zoo import Splits
from zoo.errors import DataError

from .conftest import png, write_parquet

Load = Callable[..., Splits]


def test_a_table_that_states_more_rows_than_it_has_bytes_is_refused(load: Load, tmp_path: Path) -> None:
    """A dictionary of one value stands for a billion rows in a kilobyte."""
    rows = 10**6
    label = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, dtype=np.int32)), ["cat"])
    image = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, dtype=np.int32)), [png(0)])
    pq.write_table(pa.table({"img": image, "label": label}), tmp_path / "train.parquet")
    size = (tmp_path / "train.parquet").stat().st_size
    with pytest.raises(DataError, match=rf"states 1,000,000 rows, and has only {size:,} bytes"):
        load("parquet", tmp_path)


def test_shards_are_read_in_order_and_on_demand(load: Load, tmp_path: Path) -> None:
    write_parquet(tmp_path / "train-00000-of-00002.parquet", [0, 1, 0, 1], names=["cat", "dog"])
    write_parquet(tmp_path / "train-00001-of-00002.parquet", [1, 0, 1], names=["cat", "dog"], start=4)
    write_parquet(tmp_path / "test-00000-of-00001.parquet", [1, 1], names=["cat", "dog"], start=100)
    splits = load("parquet", tmp_path)
    assert splits.classes == ("cat", "dog")
    assert splits.train.labels.tolist() == [0, 1, 0, 1, 1, 0, 1]
    assert splits.train.encoded is not None
    assert list(splits.train.encoded) == [png(i) for i in range(7)]
    assert splits.train.encoded[-1] == png(6)
    assert splits.train.encoded[3:5] == [png(3), png(4)]
    assert splits.test is not None
    assert len(splits.test) == 2


def test_a_damaged_page_is_found_when_it_is_read(load: Load, tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", [0, 1, 0, 1])
    content = bytearray(path.read_bytes())
    content[4:60] = bytes(56)
    path.write_bytes(bytes(content))
    images = load("parquet", path).train.encoded
    assert images is not None
    with pytest.raises(DataError, match=r"x\.parquet is damaged"):
        images[0]


def test_file_names_beside_the_bytes_are_those_of_the_images(load: Load, tmp_path: Path) -> None:
    write_parquet(tmp_path / "a" / "train.parquet", [0, 1, 0, 1, 1])
    names = load("parquet", tmp_path / "a").train.file_names
    assert names is not None
    assert (len(names), list(names), names[1:3]) == (
        5,
        ["0.png", "1.png", "2.png", "3.png", "4.png"],
        ["1.png", "2.png"],
    )
    write_parquet(tmp_path / "b" / "train.parquet", [0, 1], plain=True)
    assert load("parquet", tmp_path / "b").train.file_names is None


def test_an_image_without_a_file_name_has_an_empty_one(load: Load, tmp_path: Path) -> None:
    rows = [{"bytes": png(1), "path": None}, {"bytes": png(2), "path": "x.png"}]
    pq.write_table(pa.table({"img": rows, "label": [0, 1]}), tmp_path / "train.parquet")
    names = load("parquet", tmp_path).train.file_names
    assert names is not None
    assert list(names) == ["", "x.png"]
