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
        (["photo,label", "a.png,1"], r"must name the columns path and label.* has 'photo', 'label'.*data\.path_column"),
        (["path,label", "a.png,1", "a.png,2"], "lists 'a.png' twice"),
        (["path,label,split", "a.png,1,trian", "b.png,2,train"], "line 2 .* 'trian' is none of"),
        (["path,label", "a.png,1", "b.png"], "line 3 .* has 1 fields, and the first line has 2"),
        (["path,label", "a.png,1", "b.png,"], "line 3 .* lacks a path or a label"),
        (["path,label", "a.png,1", "b.png,1"], "at least two classes; it has only '1'"),
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
    with pytest.raises(DataError, match=r"2 listed images of .* not found: .*gone\.png, .*lost\.png"):
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


def test_groups_that_differ_in_white_space_or_case_are_one(load: Load, photo: Photo, tmp_path: Path) -> None:
    """One patient in training and in test makes a score that other patients do not give."""
    lines = ["path,label,group", "1.png,a,patient1", "2.png,b, patient1", "3.png,a,Patient1\t", "4.png,b, ", "5.png,a,"]
    splits = load("csv", write_csv(tmp_path, photo, lines))
    assert splits.train.groups is not None
    assert len(set(splits.train.groups[:3])) == 1
    assert splits.train.groups[3:] == ["4.png", "5.png"]
    assert any("are taken for the group" in note for note in splits.notes)
    assert any(note.startswith("2 images without a group") for note in splits.notes)


@pytest.mark.parametrize("label", ["nan", "NaN", "<NA>"])
def test_a_missing_label_is_no_class(load: Load, photo: Photo, tmp_path: Path, label: str) -> None:
    with pytest.raises(DataError, match=r"line 3 .* how a missing label is written"):
        load("csv", write_csv(tmp_path, photo, ["path,label", "a.png,1", f"b.png,{label}"]))


@pytest.mark.parametrize("label", ["²", "\u0663", "½", "1_0", "1e5", "+"])
def test_odd_digits_are_names_like_others(load: Load, photo: Photo, tmp_path: Path, label: str) -> None:
    splits = load("csv", write_csv(tmp_path, photo, ["path,label", "a.png,10", f"b.png,{label}"]))
    assert set(splits.classes) == {"10", label}


@pytest.mark.parametrize("label", ["01", "1.0", "1."])
def test_numbers_of_one_value_are_an_error(load: Load, photo: Photo, tmp_path: Path, label: str) -> None:
    with pytest.raises(DataError, match=r"data\.twins=merge"):
        load("csv", write_csv(tmp_path, photo, ["path,label", "a.png,1", f"b.png,{label}", "c.png,2"]))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("https://example.org/a.png", "has the address .*download the images first"),
        ("s3://bucket/a.png", "has the address"),
        ("../a.png", r"leads out of the CSV's folder.*data\.outside=true"),
        ("x/../../a.png", "leads out of"),
        ("/etc/a.png", "leads out of"),
        ("C:\\photos\\a.png", "leads out of"),
    ],
)
def test_addresses_and_paths_that_lead_out_are_refused(load: Load, tmp_path: Path, path: str, message: str) -> None:
    (tmp_path / "list.csv").write_text(f"path,label\n{path},a\n", encoding="utf-8")
    with pytest.raises(DataError, match=message):
        load("csv", tmp_path / "list.csv")


def test_paths_may_lead_out_where_that_is_said(load: Load, photo: Photo, tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "x.csv").write_text(f"path,label\n../a.png,a\n{photo(tmp_path / 'b.png')},b\n")
    assert len(load("csv", tmp_path / "lists" / "x.csv", outside=True).train) == 2


def test_backslashes_are_slashes_unless_a_file_is_called_so(load: Load, photo: Photo, tmp_path: Path) -> None:
    for name in ("x/a.png", "x/b.png", "odd\\name.png"):
        photo(tmp_path / name)
    (tmp_path / "list.csv").write_text("path,label\nx\\a.png,1\n.\\x\\b.png,2\nodd\\name.png,2\n")
    assert load("csv", tmp_path / "list.csv").train.ids == ["odd\\name.png", "x/a.png", "x/b.png"]


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
    with pytest.raises(DataError, match=r"no column 'c', as data\.image_column says"):
        load("parquet", path, image_column="c")


def test_a_list_of_one_label_is_that_label_and_of_several_an_error(load: Load, tmp_path: Path) -> None:
    path = write_shards(tmp_path / "x.parquet", {"image": [png(0), png(1)], "label": [[1], [0]]})
    assert load("parquet", path).train.labels.tolist() == [1, 0]
    path = write_shards(tmp_path / "y.parquet", {"image": [png(0), png(1)], "label": [[1, 2], [0]]})
    with pytest.raises(DataError, match="rows with 2 labels"):
        load("parquet", path)


def test_a_train_split_whose_labels_are_all_minus_one_says_so(load: Load, tmp_path: Path) -> None:
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
