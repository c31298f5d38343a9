"""Parquet files of images: columns, labels, shards, and paths in place of images."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from zoo import Splits
from zoo.errors import DataError

Load = Callable[..., Splits]


Photo = Callable[..., Path]


def png(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 4, 3), value, dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def write_parquet(
    path: Path,
    labels: list[object],
    *,
    names: list[str] | None = None,
    column: str = "img",
    plain: bool = False,
    start: int = 0,
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [png(start + i) for i in range(len(labels))]
    structs = [{"bytes": image, "path": f"{i}.png"} for i, image in enumerate(images)]
    table = pa.table({column: images if plain else structs, "label": labels})
    if names:
        features = {column: {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, path, row_group_size=3)
    return path


def test_a_table_that_states_more_rows_than_it_has_bytes_is_refused(load: Load, tmp_path: Path) -> None:
    """A dictionary of one value stands for a billion rows in a kilobyte."""
    rows = 10**6
    label = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, dtype=np.int32)), ["cat"])
    image = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, dtype=np.int32)), [png(0)])
    pq.write_table(pa.table({"img": image, "label": label}), tmp_path / "train.parquet")
    size = (tmp_path / "train.parquet").stat().st_size
    with pytest.raises(DataError, match=rf"states 1,000,000 rows, and has only {size:,} bytes"):
        load("parquet", tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.timeout(30)
def test_a_pipe_among_the_shards_is_refused(load: Load, tmp_path: Path) -> None:
    write_parquet(tmp_path / "train-a.parquet", [0, 1], names=["cat", "dog"])
    os.mkfifo(tmp_path / "train-b.parquet")
    with pytest.raises(DataError, match=r"train-b.parquet cannot be read: it is not a plain file"):
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


def test_a_missing_shard_is_named(load: Load, tmp_path: Path) -> None:
    write_parquet(tmp_path / "train-00000-of-00003.parquet", [0, 1])
    with pytest.raises(DataError, match=r"lacks 2 .*train-00001-of-00003"):
        load("parquet", tmp_path)


def test_folders_may_name_the_splits(load: Load, tmp_path: Path) -> None:
    for name, start in (("train", 0), ("validation", 9), ("test", 20)):
        write_parquet(tmp_path / "test" / "data" / name / "0000.parquet", [0, 1], start=start)
    splits = load("parquet", tmp_path / "test" / "data")
    assert splits.val is not None
    assert splits.test is not None
    assert splits.test.encoded is not None
    assert splits.test.encoded[0] == png(20)


def test_a_single_file_of_plain_bytes_and_text_labels_is_train(load: Load, tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", ["b", "a", "b"], column="image", plain=True)
    splits = load("parquet", path)
    assert splits.classes == ("a", "b")
    assert splits.train.labels.tolist() == [1, 0, 1]
    assert splits.train.encoded is not None
    assert splits.train.encoded[2] == png(2)


def test_a_split_without_public_labels_is_left_out(load: Load, tmp_path: Path) -> None:
    write_parquet(tmp_path / "train.parquet", [0, 1])
    write_parquet(tmp_path / "test.parquet", [-1, -1])
    assert load("parquet", tmp_path).test is None


def test_a_change_of_a_file_changes_the_signature(load: Load, tmp_path: Path) -> None:
    """A dataset that was uploaded again mixed old and new scores (mteb#5228)."""
    path = write_parquet(tmp_path / "train.parquet", [0, 1])
    before = load("parquet", path).train.signature
    write_parquet(path, [0, 1], start=7)
    assert load("parquet", path).train.signature != before


@pytest.mark.parametrize(
    ("labels", "column", "message"),
    [([0, None], "img", "without a label"), ([0.5, 1.5], "img", "neither"), ([0, -1], "img", "label -1")],
)
def test_labels_that_mean_nothing_are_an_error(
    load: Load, tmp_path: Path, labels: list[object], column: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load("parquet", write_parquet(tmp_path / "x.parquet", labels, column=column))


def test_a_file_that_is_not_parquet_or_has_no_images_is_one_sentence(load: Load, tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("no")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        load("parquet", tmp_path / "x.parquet")
    pq.write_table(pa.table({"a": [1], "label": [0]}), tmp_path / "y.parquet")
    with pytest.raises(DataError, match="no column of image bytes"):
        load("parquet", tmp_path / "y.parquet")


def test_a_damaged_page_is_found_when_it_is_read(load: Load, tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", [0, 1, 0, 1])
    content = bytearray(path.read_bytes())
    content[4:60] = bytes(56)
    path.write_bytes(bytes(content))
    images = load("parquet", path).train.encoded
    assert images is not None
    with pytest.raises(DataError, match=r"x\.parquet is damaged"):
        images[0]


def test_real_cifar10_has_ten_named_balanced_classes(load: Load, data_root: Path) -> None:
    if not (data_root / "cifar10").is_dir():
        pytest.skip("no cifar10 in the data root")
    splits = load("cifar10", root=data_root)
    assert splits.classes[:3] == ("airplane", "automobile", "bird")
    assert splits.test is not None
    assert np.bincount(splits.train.labels).tolist() == [5000] * 10
    assert np.bincount(splits.test.labels).tolist() == [1000] * 10


def write_shards(path: Path, columns: dict[str, list[object]]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


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


def test_a_list_of_one_label_is_that_label_and_of_several_an_error(load: Load, tmp_path: Path) -> None:
    path = write_shards(tmp_path / "x.parquet", {"image": [png(0), png(1)], "label": [[1], [0]]})
    assert load("parquet", path).train.labels.tolist() == [1, 0]
    path = write_shards(tmp_path / "y.parquet", {"image": [png(0), png(1)], "label": [[1, 2], [0]]})
    with pytest.raises(DataError, match="rows with 2 labels"):
        load("parquet", path)


def test_a_train_split_with_only_labels_of_minus_one_is_an_error(load: Load, tmp_path: Path) -> None:
    path = write_shards(tmp_path / "x.parquet", {"image": [png(0), png(1)], "label": [-1, -1]})
    with pytest.raises(DataError, match="all its training labels are -1"):
        load("parquet", path)


@pytest.mark.parametrize("as_struct", [True, False])
def test_paths_in_place_of_images_are_files_beside_the_table(
    load: Load, photo: Photo, tmp_path: Path, as_struct: bool
) -> None:
    names = ["x/a.png", "b.png"]
    column: list[object] = [{"bytes": None, "path": name} for name in names] if as_struct else list(names)
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())]) if as_struct else pa.string()
    table = pa.table({"image": pa.array(column, type=kind), "label": [0, 1]})
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(DataError, match=r"no 'x/a\.png' beside it"):
        load("parquet", tmp_path / "x.parquet")
    paths = [photo(tmp_path / name) for name in names]
    assert load("parquet", tmp_path / "x.parquet").train.encoded == paths


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
