"""The columns of Parquet files that hold images and labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from plugins.datasets.parquet.columns import class_names_in, image_column_of, label_column_of, states_file_names
from zoo import Splits
from zoo.errors import DataError

from .conftest import png, write_shards

Load = Callable[..., Splits]


def test_columns_named_as_webdataset_does_are_found(load: Load, tmp_path: Path) -> None:
    path = write_shards(tmp_path / "x.parquet", {"__key__": ["0", "1"], "jpg": [png(0), png(1)], "cls": [3, 5]})
    assert load("parquet", path).classes == ("3", "5")


def test_columns_can_be_named(load: Load, tmp_path: Path) -> None:
    path = write_shards(tmp_path / "x.parquet", {"a": [png(0), png(1)], "b": [png(2), png(3)], "kind": ["p", "q"]})
    splits = load("parquet", path, image_column="b", label_column="kind")
    assert splits.train.encoded is not None
    assert (splits.classes, splits.train.encoded[0]) == (("p", "q"), png(2))
    with pytest.raises(DataError, match=r"no column 'c' \(data\.image_column\)"):
        load("parquet", path, image_column="c")


IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@pytest.mark.parametrize(
    ("fields", "column"),
    [
        ([("photo", pa.binary()), ("thumbnail", pa.binary())], "photo"),
        ([("thumbnail", IMAGE)], "thumbnail"),
        ([("file_name", pa.string()), ("remark", pa.string())], "file_name"),
        ([("file_name", pa.string()), ("img", IMAGE)], "img"),
    ],
)
def test_the_image_column_is_known_by_its_type_then_its_name(
    fields: list[tuple[str, pa.DataType]], column: str
) -> None:
    assert image_column_of(pa.schema([*fields, ("label", pa.int64())]), Path("x.parquet"), "") == column


def test_several_image_columns_without_a_usual_name_are_doubtful() -> None:
    schema = pa.schema([("left", pa.binary()), ("right", IMAGE)])
    with pytest.raises(DataError, match=r"several columns of image bytes; .*\(its columns: 'left', 'right'\)"):
        image_column_of(schema, Path("x.parquet"), "")


def test_the_first_usual_name_of_labels_counts() -> None:
    schema = pa.schema([("target", pa.int64()), ("label", pa.int64())])
    assert label_column_of(schema, Path("x.parquet"), "") == "label"
    assert label_column_of(schema, Path("x.parquet"), "target") == "target"


@pytest.mark.parametrize(
    ("names", "found"),
    [(["cat", "dog"], ["cat", "dog"]), ({"0": "cat", "1": "dog"}, ["cat", "dog"]), ([1, 2], None), ("cat", None)],
)
def test_class_names_are_a_list_of_text_or_no_names(names: object, found: list[str] | None) -> None:
    features = {"info": {"features": {"label": {"names": names}}}}
    schema = pa.schema([("label", pa.int64())], metadata={"huggingface": json.dumps(features)})
    assert class_names_in(schema, "label") == found
    assert class_names_in(schema, "other") is None
    assert class_names_in(pa.schema([("label", pa.int64())]), "label") is None


def test_file_names_are_text_beside_the_bytes() -> None:
    schema = pa.schema([("img", IMAGE), ("plain", pa.binary()), ("odd", pa.struct([("path", pa.int64())]))])
    assert [states_file_names(schema, name) for name in schema.names] == [True, False, False]
