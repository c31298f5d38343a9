"""Parquet files of images: columns, labels, shards, and paths in place of images."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zoo import Splits
from zoo.errors import DataError

from .conftest import png, write_parquet, write_shards

Load = Callable[..., Splits]


Photo = Callable[..., Path]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.timeout(30)
def test_a_pipe_among_the_shards_is_refused(load: Load, tmp_path: Path) -> None:
    write_parquet(tmp_path / "train-a.parquet", [0, 1], names=["cat", "dog"])
    os.mkfifo(tmp_path / "train-b.parquet")
    with pytest.raises(DataError, match=r"train-b.parquet cannot be read: it is not a plain file"):
        load("parquet", tmp_path)


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
    [
        ([0, None], "img", "without a label: remove them"),
        ([0.5, 1.5], "img", "all be whole numbers or all text"),
        ([0, -1], "img", "label -1"),
    ],
)
def test_labels_that_mean_nothing_are_an_error(
    load: Load, tmp_path: Path, labels: list[object], column: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load("parquet", write_parquet(tmp_path / "x.parquet", labels, column=column))


def test_a_file_that_is_not_parquet_or_has_no_images_is_one_sentence(load: Load, tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("no")
    with pytest.raises(DataError, match=r"cannot be read as Parquet: .*; copy or download it again"):
        load("parquet", tmp_path / "x.parquet")
    (tmp_path / "x.parquet").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 1\n")
    with pytest.raises(DataError, match=r"is a Git LFS pointer.*git lfs pull"):
        load("parquet", tmp_path / "x.parquet")
    pq.write_table(pa.table({"a": [1], "label": [0]}), tmp_path / "y.parquet")
    with pytest.raises(DataError, match="no column of image bytes"):
        load("parquet", tmp_path / "y.parquet")


def test_a_column_name_that_is_no_text_is_one_sentence(load: Load, tmp_path: Path) -> None:
    """pyarrow raises a UnicodeDecodeError, which is none of its own exceptions."""
    path = write_parquet(tmp_path / "x.parquet", [0, 1, 0, 1])
    path.write_bytes(path.read_bytes().replace(b"label", b"la\x80el"))
    with pytest.raises(DataError, match=r"x\.parquet (cannot be read as Parquet|is damaged): "):
        load("parquet", path)


def test_class_names_that_lack_a_number_are_left_out(load: Load, tmp_path: Path) -> None:
    names: Any = {"0": "ant", "2": "bee"}
    path = write_parquet(tmp_path / "x.parquet", [0, 1, 0, 1], names=names)
    assert load("parquet", path).classes == ("0", "1")


def test_real_cifar10_has_ten_named_balanced_classes(load: Load, data_root: Path) -> None:
    if not (data_root / "cifar10").is_dir():
        pytest.skip("no cifar10 in the data root")
    splits = load("cifar10", root=data_root)
    assert splits.classes[:3] == ("airplane", "automobile", "bird")
    assert splits.test is not None
    assert np.bincount(splits.train.labels).tolist() == [5000] * 10
    assert np.bincount(splits.test.labels).tolist() == [1000] * 10


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


@pytest.mark.parametrize("bytes_type", [pa.binary(), pa.null(), None])
def test_paths_in_place_of_images_are_files_beside_the_table(
    load: Load, photo: Photo, tmp_path: Path, bytes_type: pa.DataType | None
) -> None:
    """pyarrow gives a column without any bytes the type null, and the images were called "not of a known format"."""
    names = ["x/a.png", "b.png"]
    column: list[object] = [{"bytes": None, "path": name} for name in names] if bytes_type else list(names)
    kind = pa.struct([("bytes", bytes_type), ("path", pa.string())]) if bytes_type else pa.string()
    table = pa.table({"image": pa.array(column, type=kind), "label": [0, 1]})
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(DataError, match=r"no 'x/a\.png' beside it"):
        load("parquet", tmp_path / "x.parquet")
    paths = [photo(tmp_path / name) for name in names]
    assert load("parquet", tmp_path / "x.parquet").train.encoded == paths


def named_table(path: Path, names: list[str] | None, labels: list[Any], **columns: list[Any]) -> Path:
    features = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
    table = pa.table({"image": [png(i) for i in range(len(labels))], "label": labels, **columns})
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(features)} if names else {}), path)
    return path


def test_class_names_in_another_order_in_another_file_are_an_error(load: Load, tmp_path: Path) -> None:
    """Resembles reports of splits that were exported apart: each has numbered its classes as they came."""
    named_table(tmp_path / "train.parquet", ["cat", "dog"], [0, 1])
    named_table(tmp_path / "test.parquet", ["dog", "cat"], [0, 1])
    with pytest.raises(DataError, match=r"label 0 is 'cat' in train.parquet and 'dog' in test.parquet: save the class"):
        load("parquet", tmp_path)


def test_class_names_may_be_missing_or_fewer_in_a_file(load: Load, tmp_path: Path) -> None:
    named_table(tmp_path / "train.parquet", ["cat"], [0, 0])
    named_table(tmp_path / "val.parquet", None, [0, 1])
    named_table(tmp_path / "test.parquet", ["cat", "dog"], [0, 1])
    assert load("parquet", tmp_path).classes == ("cat", "dog")


def test_a_column_of_groups_is_read_and_other_columns_are_named(load: Load, tmp_path: Path) -> None:
    """Resembles reports of patients in both splits, whose column a loader had ignored."""
    columns = {"Patient ID": ["p1", "P1 ", None], "part": ["x", "y", "y"], "age": [1, 2, 3]}
    named_table(tmp_path / "x.parquet", None, [0, 1, 1], **columns)
    splits = load("parquet", tmp_path)
    assert splits.train.groups == ["P1", "P1", "train/2"]
    said = "; ".join(splits.notes)
    assert "not read: 'part', 'age' (data.label_column and data.split_column choose" in said
    assert load("parquet", tmp_path, group_column="age").train.groups == ["1", "2", "3"]


def test_labels_with_fields_or_of_two_types_are_refused_with_the_remedy(load: Load, tmp_path: Path) -> None:
    named_table(tmp_path / "x.parquet", None, [{"id": 0, "text": "cat"}, {"id": 1, "text": "dog"}])
    with pytest.raises(DataError, match=r"labels with several fields \('id', 'text'\): save the field"):
        load("parquet", tmp_path)
    named_table(tmp_path / "x.parquet", None, [0, 1])
    named_table(tmp_path / "y.parquet", None, ["0", "1"])
    with pytest.raises(DataError, match=r"of the types int, str: save them in one way"):
        load("parquet", tmp_path)


def test_a_column_of_splits_is_read_where_files_are_not_called_after_them(load: Load, tmp_path: Path) -> None:
    """Resembles reports of a whole dataset in one file, whose test rows were trained on."""
    cells = ["Train", "test", None, "valid", "TEST ", "train"]
    path = named_table(tmp_path / "x.parquet", None, [0, 1, 1, 0, 0, 1], Split=cells, patient=list("abcdef"))
    splits = load("parquet", path)
    assert splits.val is not None
    assert splits.test is not None
    assert [each.labels.tolist() for each in (splits.train, splits.val, splits.test)] == [[0, 1, 1], [0], [1, 0]]
    assert splits.test.groups == ["b", "e"]
    every = load("parquet", named_table(tmp_path / "y.parquet", None, [0, 1, 1, 0, 0, 1])).train.encoded
    assert every is not None
    assert list(splits.test.encoded or ()) == [every[1], every[4]]
    assert len({each.signature for each in (splits.train, splits.val, splits.test)}) == 3
    assert not any("not read" in note for note in splits.notes)


def test_a_column_of_other_words_than_splits_is_noted_and_refused_if_stated(load: Load, tmp_path: Path) -> None:
    path = named_table(tmp_path / "x.parquet", None, [0, 1], split=["A", "B"])
    splits = load("parquet", path)
    assert splits.test is None
    assert any("the column of splits is not read" in note for note in splits.notes)
    with pytest.raises(DataError, match=r"the split 'A' is not train, val or test: choose another data.split_column"):
        load("parquet", path, split_column="split")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"image,label\na.png,cat\n", "is a text table such as CSV; csv:PATH reads it"),
        (b'{"image": "a.png"}\n', "is JSON text"),
        (b"ARROW1\0\0" + bytes(40), "is an Arrow or Feather file; save it as Parquet"),
    ],
)
def test_another_file_called_parquet_is_called_what_it_is(
    load: Load, tmp_path: Path, content: bytes, words: str
) -> None:
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(DataError, match=words):
        load("parquet", tmp_path / "x.parquet")
