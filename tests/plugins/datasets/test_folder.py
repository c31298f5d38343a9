"""``folder:PATH``: class/image, with or without split folders, and the odd things that folders hold."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from zoo import Splits
from zoo.errors import DataError, UsageError
from zoo.files import image_tree

Load = Callable[..., Splits]
Photo = Callable[..., Path]


def test_classes_are_folders_in_alphabetical_order(load: Load, photo: Photo, tmp_path: Path) -> None:
    for name in ("dog/1.png", "cat/2.JPG", "cat/sub/1.png", "dog/notes.txt.png"):
        photo(tmp_path / "data" / name)
    (tmp_path / "data" / "dog" / "readme.txt").write_text("not an image by its name")
    splits = load("folder", tmp_path / "data")
    assert splits.classes == ("cat", "dog")
    assert splits.train.ids == ["cat/2.JPG", "cat/sub/1.png", "dog/1.png", "dog/notes.txt.png"]
    assert splits.train.labels.tolist() == [0, 0, 1, 1]
    assert (splits.val, splits.test) == (None, None)


def test_split_folders_become_splits_over_the_union_of_classes(load: Load, photo: Photo, tmp_path: Path) -> None:
    for name in ("train/a/1.png", "train/b/1.png", "Valid/b/1.png", "test/c/1.png"):
        photo(tmp_path / name)
    splits = load("folder", tmp_path)
    assert splits.classes == ("a", "b", "c")
    assert splits.val is not None
    assert splits.test is not None
    assert (splits.val.labels.tolist(), splits.test.labels.tolist()) == ([1], [2])
    assert splits.test.ids == ["test/c/1.png"]


def test_a_class_called_test_is_a_class_where_there_is_no_train(load: Load, photo: Photo, tmp_path: Path) -> None:
    photo(tmp_path / "test" / "1.png")
    photo(tmp_path / "other" / "1.png")
    assert load("folder", tmp_path).classes == ("other", "test")


def test_splits_beside_classes_are_an_error(load: Load, photo: Photo, tmp_path: Path) -> None:
    for name in ("train/a/1.png", "train/b/1.png", "cat/1.png"):
        photo(tmp_path / name)
    with pytest.raises(DataError, match="'cat' beside 'train'"):
        load("folder", tmp_path)


def test_an_empty_class_folder_is_an_error_that_names_it(load: Load, photo: Photo, tmp_path: Path) -> None:
    photo(tmp_path / "a" / "1.png")
    photo(tmp_path / "b" / "1.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="'empty'"):
        load("folder", tmp_path)


def test_hidden_files_and_folders_are_left_out(load: Load, photo: Photo, tmp_path: Path) -> None:
    for name in ("a/1.png", "b/1.png", "a/._1.png", ".ipynb_checkpoints/1.png"):
        photo(tmp_path / name)
    assert load("folder", tmp_path).train.ids == ["a/1.png", "b/1.png"]


def test_unicode_and_newlines_in_names_are_fine(load: Load, photo: Photo, tmp_path: Path) -> None:
    for name in ("猫/ü\n1.png", "[red]/=cmd.png"):
        photo(tmp_path / name)
    splits = load("folder", tmp_path)
    assert splits.classes == ("[red]", "猫")
    assert splits.train.ids == ["[red]/=cmd.png", "猫/ü\n1.png"]


def test_a_loop_of_links_ends_and_a_link_elsewhere_is_followed(load: Load, photo: Photo, tmp_path: Path) -> None:
    photo(tmp_path / "data" / "a" / "1.png")
    photo(tmp_path / "data" / "b" / "1.png")
    photo(tmp_path / "elsewhere" / "2.png")
    (tmp_path / "data" / "a" / "loop").symlink_to(tmp_path / "data" / "a")
    (tmp_path / "data" / "b" / "up").symlink_to(tmp_path / "data" / "b" / "..")
    (tmp_path / "data" / "b" / "more").symlink_to(tmp_path / "elsewhere")
    ids = load("folder", tmp_path / "data").train.ids
    assert ids is not None
    assert len(ids) == len(set(ids))
    assert {"a/1.png", "b/1.png", "b/more/2.png"} <= set(ids)


def test_a_link_that_leads_nowhere_is_not_left_out_in_silence(load: Load, photo: Photo, tmp_path: Path) -> None:
    """An image that quietly goes missing changes what is tested on; reading it names it instead."""
    for name in ("a/1.png", "b/1.png"):
        photo(tmp_path / "data" / name)
    (tmp_path / "data" / "a" / "2.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "data" / "b" / "2.png").symlink_to(tmp_path / "data" / "b" / "2.png")
    assert load("folder", tmp_path / "data").train.ids == ["a/1.png", "a/2.png", "b/1.png", "b/2.png"]


def test_a_path_is_looked_for_in_the_data_root_too(load: Load, photo: Photo, tmp_path: Path) -> None:
    for name in ("a/1.png", "b/1.png"):
        photo(tmp_path / "root" / "plants" / name)
    assert load("folder", "plants").classes == ("a", "b")


@pytest.mark.parametrize("argument", ["nowhere", ""])
def test_no_such_folder_is_one_sentence(load: Load, argument: str) -> None:
    with pytest.raises((DataError, UsageError), match=r"^folder") as caught:
        load("folder", argument)
    assert "\n" not in str(caught.value)


def test_a_folder_without_class_folders_gives_an_error_with_the_expected_layout(
    load: Load, photo: Photo, tmp_path: Path
) -> None:
    photo(tmp_path / "1.png")
    with pytest.raises(DataError, match="a folder of images for each class; it has none"):
        load("folder", tmp_path)


def test_images_below_a_folder_of_one_name_are_a_group_in_all_classes(load: Load, photo: Photo, tmp_path: Path) -> None:
    for name in ("cat/tom/1.png", "cat/tom/2.png", "dog/tom/1.png", "dog/rex/1.png", "dog/2.png"):
        photo(tmp_path / "data" / name)
    alone = load("folder", tmp_path / "data")
    assert alone.train.groups is None
    (note,) = (each for each in alone.notes if "within class folders" in each)
    assert note.startswith("4 images in folders within class folders, such as 'tom' in 'cat', have the class of")
    splits = load("folder", tmp_path / "data", groups=True)
    assert dict(zip(splits.train.ids or (), splits.train.groups or (), strict=True)) == {
        "cat/tom/1.png": "tom",
        "cat/tom/2.png": "tom",
        "dog/tom/1.png": "tom",
        "dog/rex/1.png": "rex",
        "dog/2.png": "/dog/2.png",
    }
    assert not [each for each in splits.notes if "within class folders" in each]


def test_files_in_and_below_a_class_folder_are_in_the_order_of_their_paths(
    load: Load, photo: Photo, tmp_path: Path
) -> None:
    for name in ("a/m/1.png", "a/z.png", "a/b.png", "a/m/0/9.png", "b/1.png", "A2/1.png"):
        photo(tmp_path / name)
    assert load("folder", tmp_path).train.ids == [
        "A2/1.png",
        "a/b.png",
        "a/m/0/9.png",
        "a/m/1.png",
        "a/z.png",
        "b/1.png",
    ]


def test_the_signature_changes_with_any_file_and_with_the_place(load: Load, photo: Photo, tmp_path: Path) -> None:
    for name in ("x/a/1.png", "x/a/2.png", "x/b/1.png"):
        photo(tmp_path / name)

    def signature(root: str) -> str:
        return load("folder", tmp_path / root).train.signature

    before = signature("x")
    assert before == signature("x")
    shutil.copytree(tmp_path / "x", tmp_path / "y")  # with the times
    assert signature("y") != before, "an index of encoded images holds absolute paths"
    os.utime(tmp_path / "x/a/2.png", ns=(1, 1))
    changed = signature("x")
    assert changed != before
    (tmp_path / "x/b/1.png").write_bytes(b"")
    os.utime(tmp_path / "x/b/1.png", ns=(1, 1))
    assert signature("x") not in (before, changed)


def test_a_folder_that_other_processes_list_is_listed_anew_each_time(
    load: Load, photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1.png", "a/2.png", "b/1.png", "b/2.png"):
        photo(tmp_path / name)
    by_one = load("folder", tmp_path).train
    monkeypatch.setattr(image_tree, "MANY_IMAGES", 1)
    before = load("folder", tmp_path).train
    assert (before.ids, before.signature) == (by_one.ids, by_one.signature)
    os.utime(tmp_path / "b/2.png", ns=(1, 1))  # which leaves the time of its folder as it was
    changed = load("folder", tmp_path).train
    assert changed.signature != before.signature
    (tmp_path / "b/2.png").unlink()
    photo(tmp_path / "b/3.png")
    assert load("folder", tmp_path).train.ids == ["a/1.png", "a/2.png", "b/1.png", "b/3.png"]


def test_a_link_to_nothing_leaves_the_error_to_the_harness_which_names_it(
    load: Load, photo: Photo, tmp_path: Path
) -> None:
    for name in ("a/1.png", "b/1.png"):
        photo(tmp_path / name)
    (tmp_path / "a/2.png").symlink_to(tmp_path / "nowhere.png")
    train = load("folder", tmp_path).train
    assert train.ids == ["a/1.png", "a/2.png", "b/1.png"]
    assert train.signature == ""


NESTED = ("animal/insect/ant/1.png", "animal/insect/bee/1.png", "animal/dog/1.png", "rock/1.png")


def test_nested_class_folders_become_classes_with_their_groups(load: Load, photo: Photo, tmp_path: Path) -> None:
    for name in NESTED:
        photo(tmp_path / name)
    splits = load("folder", tmp_path, hierarchy="folders")
    assert splits.classes == ("ant", "bee", "dog", "rock")
    assert splits.hierarchy is not None
    assert splits.hierarchy.ancestors == (("animal", "insect"), ("animal", "insect"), ("animal",), ())
    assert splits.train.ids == [*NESTED[:2], "animal/dog/1.png", "rock/1.png"]
    assert splits.train.labels.tolist() == [0, 1, 2, 3]
    plain = load("folder", tmp_path)
    assert (plain.classes, plain.hierarchy) == (("animal", "rock"), None)


def test_nested_class_folders_are_the_same_in_every_split(load: Load, photo: Photo, tmp_path: Path) -> None:
    for split in ("train", "test"):
        for name in NESTED:
            photo(tmp_path / split / name)
    splits = load("folder", tmp_path, hierarchy="folders")
    assert splits.test is not None
    assert (splits.classes, splits.test.ids) == (("ant", "bee", "dog", "rock"), [f"test/{name}" for name in NESTED])
    photo(tmp_path / "test" / "plant" / "ant" / "1.png")
    with pytest.raises(DataError, match="class 'ant' is in 'animal/insect' and 'plant'; a class belongs in one place"):
        load("folder", tmp_path, hierarchy="folders")


def test_a_folder_with_both_images_and_classes_is_refused(load: Load, photo: Photo, tmp_path: Path) -> None:
    for name in (*NESTED, "animal/insect/1.png"):
        photo(tmp_path / name)
    with pytest.raises(DataError, match=r"1 image and folders of images \('ant', 'bee'\)"):
        load("folder", tmp_path, hierarchy="folders")


def test_without_nested_folders_or_with_groups_the_option_is_refused(load: Load, photo: Photo, tmp_path: Path) -> None:
    for name in ("a/1.png", "b/1.png"):
        photo(tmp_path / name)
    with pytest.raises(DataError, match=r"no class folder of .* is inside another folder"):
        load("folder", tmp_path, hierarchy="folders")
    with pytest.raises(UsageError, match="both give a meaning"):
        load("folder", tmp_path, hierarchy="folders", groups=True)


def test_a_file_names_the_parents_of_classes_and_groups(load: Load, photo: Photo, tmp_path: Path) -> None:
    for name in ("ant/1.png", "bee/1.png", "rock/1.png"):
        photo(tmp_path / name)
    file = tmp_path / "tree.csv"
    file.write_text("name,parent\nant,insect\nbee , insect\ninsect,animal\nrock,\n")
    splits = load("folder", tmp_path, hierarchy="tree.csv")
    assert splits.hierarchy is not None
    assert splits.hierarchy.ancestors == (("animal", "insect"), ("animal", "insect"), ())
    for text, message in (
        ("class,group\nant,insect\n", "must have the columns name,parent, and has class,group"),
        ("", "must have the columns name,parent, and has $"),
        ("name,parent\nant,insect,x\n", "row 2 that is not a name and its parent"),
        ("name,parent\nant,insect\nant,animal\n", "puts 'ant' below both 'insect' and 'animal'"),
        ("name,parent\nfox,mammal\n", "none of the 3 classes has a parent"),
        ("name,parent\nant,insect\ninsect,ant\n", "below itself"),
    ):
        file.write_text(text)
        with pytest.raises(DataError, match=message):
            load("folder", tmp_path, hierarchy="tree.csv")
    with pytest.raises(DataError, match=r"other\.csv cannot be read"):
        load("folder", tmp_path, hierarchy="other.csv")


def test_an_archive_in_place_of_a_folder_is_to_be_unpacked(load: Load, tmp_path: Path) -> None:
    """Resembles reports of ``folder:photos.zip``, as downloads come."""
    with ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("cat/1.png", "x")
    for kind in ("folder", "tar"):
        with pytest.raises(DataError, match=r"photos.zip is a zip archive; unpack it first"):
            load(kind, tmp_path / "photos.zip")


def test_images_beside_a_folder_of_annotations_have_no_classes(load: Load, photo: Photo, tmp_path: Path) -> None:
    """Resembles the Oxford pets as they unpack: ``images/`` and ``annotations/``."""
    photo(tmp_path / "images" / "1.png")
    (tmp_path / "annotations").mkdir()
    with pytest.raises(DataError, match=r"only 'images' of its folders holds images, and 'annotations' none"):
        load("folder", tmp_path)


def test_folders_of_folds_are_doubted_as_classes(load: Load, photo: Photo, tmp_path: Path) -> None:
    """Resembles reports of folders for folds, cameras or years around the classes, which were taken for classes."""
    for outer in ("fold1", "fold2"):
        for inner in ("cat", "dog"):
            photo(tmp_path / outer / inner / "1.png")
    (note,) = [each for each in load("folder", tmp_path).notes if "within class folders" in each]
    assert note.endswith("all class folders hold folders of the same names, which may be the classes")
    photo(tmp_path / "fold2" / "bird" / "1.png")
    assert "of the same names" not in "".join(load("folder", tmp_path).notes)
