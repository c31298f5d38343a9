"""``csv:PATH`` and ``parquet:PATH``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

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
        (["path,label", "a.png,1", "a.png,2"], "lists 'a.png' twice, as '1' and as '2': keep the row of its one class"),
        (["path,label", "a.png,1", "a.png,1"], "lists 'a.png' twice: remove one of the rows"),
        (["path,label,split", "a.png,1,trian", "b.png,2,train"], "line 2 .* 'trian' is not"),
        (["path,label", "a.png,1", "b.png"], "line 3 .* has 1 fields, but the first line has 2"),
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


def test_groups_that_differ_in_white_space_or_case_are_one(load: Load, photo: Photo, tmp_path: Path) -> None:
    """One patient in training and in test makes a score that other patients do not give."""
    lines = ["path,label,group", "1.png,a,patient1", "2.png,b, patient1", "3.png,a,Patient1\t", "4.png,b, ", "5.png,a,"]
    splits = load("csv", write_csv(tmp_path, photo, lines))
    assert splits.train.groups is not None
    assert len(set(splits.train.groups[:3])) == 1
    assert splits.train.groups[3:] == ["4.png", "5.png"]
    assert any("are treated as the group" in note for note in splits.notes)
    assert any(note.startswith("2 images without a group") for note in splits.notes)


@pytest.mark.parametrize("label", ["nan", "NaN", "<NA>"])
def test_a_missing_label_is_not_a_class(load: Load, photo: Photo, tmp_path: Path, label: str) -> None:
    with pytest.raises(DataError, match=r"line 3 .* stands for a missing label"):
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


def test_paths_may_lead_out_of_the_folder_if_allowed(load: Load, photo: Photo, tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "x.csv").write_text(f"path,label\n../a.png,a\n{photo(tmp_path / 'b.png')},b\n")
    assert len(load("csv", tmp_path / "lists" / "x.csv", outside=True).train) == 2


def test_backslashes_are_slashes_unless_a_file_is_called_so(load: Load, photo: Photo, tmp_path: Path) -> None:
    for name in ("x/a.png", "x/b.png", "odd\\name.png"):
        photo(tmp_path / name)
    (tmp_path / "list.csv").write_text("path,label\nx\\a.png,1\n.\\x\\b.png,2\nodd\\name.png,2\n")
    assert load("csv", tmp_path / "list.csv").train.ids == ["odd\\name.png", "x/a.png", "x/b.png"]


@pytest.mark.parametrize("column", ["hierarchy", "Superclass"])
def test_a_column_names_the_groups_of_each_class(load: Load, photo: Photo, tmp_path: Path, column: str) -> None:
    for number in range(4):
        photo(tmp_path / f"{number}.png")
    rows = ["0.png,ant,animal/insect", "1.png,rock,", "2.png,ant, animal / insect ", "3.png,dog,animal"]
    table = tmp_path / "table.csv"
    table.write_text("\n".join([f"path,label,{column}", *rows]))
    splits = load("csv", table)
    assert splits.hierarchy is not None
    assert splits.hierarchy.classes == ("ant", "dog", "rock")
    assert splits.hierarchy.ancestors == (("animal", "insect"), ("animal",), ())
    table.write_text("\n".join([f"path,label,{column}", *rows]).replace("1.png,rock,", "1.png,ant,"))
    with pytest.raises(DataError, match="class 'ant' is in no group and 'animal/insect'"):
        load("csv", table)


def test_columns_are_known_with_spaces_and_those_that_are_not_read_are_named(
    load: Load, photo: Photo, tmp_path: Path
) -> None:
    """Resembles reports of fastai's ``is_valid`` and of patients' columns that a loader had ignored without a word."""
    lines = ["image,label,Patient ID,is_valid", "a.png,cat,p1,True", "b.png,dog,p1,False", "c.png,dog,p2,False"]
    splits = load("csv", write_csv(tmp_path, photo, lines))
    assert splits.train.groups == ["p1", "p1", "p2"]
    assert any("columns that are not read: 'is_valid' (data.split_column and" in note for note in splits.notes)
    lines[0] = "path,label,group,split"
    lines[1:] = [line.replace("True", "val").replace("False", "train") for line in lines[1:]]
    assert not any("not read" in note for note in load("csv", write_csv(tmp_path, photo, lines)).notes)


@pytest.mark.parametrize(
    ("listed", "there"), [("7", "train/7.png"), ("7.PNG", "7.png"), ("a%207.png", "a 7.png"), ("x/7.png", "y/7.png")]
)
def test_an_absent_image_comes_with_the_path_of_one_called_alike(
    load: Load, photo: Photo, tmp_path: Path, listed: str, there: str
) -> None:
    """Resembles the tables of Kaggle, which list ids without folder and suffix, and exports that escape spaces."""
    photo(tmp_path / there)
    (tmp_path / "list.csv").write_text(f"path,label\n{listed},cat\n", encoding="utf-8")
    with pytest.raises(DataError, match=f"did you mean '{there}'"):
        load("csv", tmp_path / "list.csv")


def test_a_table_without_names_of_columns_is_told_from_one_with_others(
    load: Load, photo: Photo, tmp_path: Path
) -> None:
    """Resembles the lists of ImageNet and Caffe, which begin with an image."""
    path = write_csv(tmp_path, photo, ["", "a.png,cat", "b.png,dog"])
    path.write_text(path.read_text("utf-8").lstrip(), encoding="utf-8")
    with pytest.raises(DataError, match=r"is an image already \('a.png', 'cat'\): write the names of the columns"):
        load("csv", path)


@pytest.mark.parametrize(
    ("label", "note"),
    [
        ("cat dog", "seem to be several labels, such as 'cat dog'"),
        ("N/A", "class 'N/A', which often stands for a missing"),
    ],
)
def test_labels_that_are_several_or_none_are_noted(
    load: Load, photo: Photo, tmp_path: Path, label: str, note: str
) -> None:
    """Resembles fastai's table of satellite images, with several labels in a cell, and exports of ``None``."""
    splits = load("csv", write_csv(tmp_path, photo, ["path,label", "a.png,cat", "b.png,dog", f"c.png,{label}"]))
    assert len(splits.classes) == 3
    assert any(note in each for each in splits.notes)
