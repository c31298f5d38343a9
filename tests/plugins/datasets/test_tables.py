"""``csv:PATH`` and ``parquet:PATH``."""

from __future__ import annotations

import io
import json
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


def write_csv(folder: Path, photo: Photo, lines: list[str]) -> Path:
    for line in lines[1:]:
        photo(folder / line.split(",")[0])
    path = folder / "list.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_csv_names_paths_beside_it_with_labels_splits_and_groups(load: Load, photo: Photo, tmp_path: Path) -> None:
    lines = ["path,label,split,group", "x/2.png,cat,train,g1", "x/1.png,dog,,g1"]
    lines += ["t.png,cat,test,g2", "v.png,dog,valid,g3"]
    splits = load("csv", write_csv(tmp_path, photo, lines))
    assert splits.classes == ("cat", "dog")
    assert splits.train.ids == ["x/1.png", "x/2.png"]
    assert splits.train.groups == ["g1", "g1"]
    assert splits.train.labels.tolist() == [1, 0]
    assert splits.val is not None
    assert splits.test is not None
    assert (splits.val.ids, splits.test.ids) == (["v.png"], ["t.png"])


def test_the_order_of_the_rows_changes_nothing(load: Load, photo: Photo, tmp_path: Path) -> None:
    rows = [f"{i}.png,{i % 2}" for i in range(6)]
    first = load("csv", write_csv(tmp_path, photo, ["path,label", *rows]))
    second = load("csv", write_csv(tmp_path, photo, ["path,label", *reversed(rows)]))
    assert first.train.ids == second.train.ids
    assert (first.train.labels == second.train.labels).all()


def test_labels_that_are_numbers_are_in_numerical_order(load: Load, photo: Photo, tmp_path: Path) -> None:
    splits = load("csv", write_csv(tmp_path, photo, ["path,label", "a.png,10", "b.png,9", "c.png,2"]))
    assert splits.classes == ("2", "9", "10")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["file,label", "a.png,1"], "must name the columns path and label"),
        (["path,label", "a.png,1", "a.png,2"], "lists 'a.png' twice"),
        (["path,label,split", "a.png,1,trian", "b.png,2,train"], "line 2 .* 'trian' is none of"),
        (["path,label", "a.png,1", "b.png"], "line 3 .* not as many fields"),
        (["path,label", "a.png,1", "b.png,"], "line 3 .* lacks a path or a label"),
        (["path,label", "a.png,1", "b.png,1"], "at least 2"),
        (["path,label,split", "a.png,1,test", "b.png,2,test"], "no row whose split is train"),
    ],
)
def test_a_mistake_in_a_csv_is_one_sentence(
    load: Load, photo: Photo, tmp_path: Path, lines: list[str], message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load("csv", write_csv(tmp_path, photo, lines))
    assert "\n" not in str(caught.value)


def test_a_csv_that_lists_absent_images_names_them(load: Load, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("path,label\ngone.png,a\nlost.png,b\n")
    with pytest.raises(DataError, match=r"2 listed image\(s\) are not there: .*gone\.png, .*lost\.png"):
        load("csv", tmp_path / "list.csv")


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


def test_shards_are_read_in_order_and_only_when_asked_for(load: Load, tmp_path: Path) -> None:
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
