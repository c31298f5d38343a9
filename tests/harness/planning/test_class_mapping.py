"""Which class of a head is which class of a dataset: what is sure is found, and what is not is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.planning.class_mapping import competing, map_classes, read_class_map
from zoo.class_list import ClassList, imagenet_classes
from zoo.errors import UsageError

HEAD = ClassList(
    names=("crane", "honey bee, bee", "crane", "ant, emmet", "great white shark, white shark"),
    ids=("n00000001", "n02206856", "n00000003", "n02219486", "n00000005"),
)


def test_equal_classes_need_no_mapping() -> None:
    found = map_classes(ClassList(names=("a", "b")), ("a", "b"))
    assert (found.columns, found.sentence) == (None, "")


@pytest.mark.parametrize(
    ("classes", "columns", "by"),
    [
        (("n02219486", "n02206856"), (3, 1), "identifier"),
        (("n02219486-ant", "N02206856 bee"), (3, 1), "identifier"),
        (("Ant", "honey_bee"), (3, 1), "name"),
        (("emmet", "white-shark", "BEE"), (3, 4, 1), "name"),
    ],
)
def test_classes_are_found_by_identifier_or_by_one_of_their_names(
    classes: tuple[str, ...], columns: tuple[int, ...], by: str
) -> None:
    found = map_classes(HEAD, classes)
    assert found.columns == columns
    number = len(classes)
    assert found.sentence == (
        f"{number} of the head's 5 classes, matched by {by}; the highest logit among these {number} counts"
    )


def test_all_classes_of_the_head_may_compete() -> None:
    found = map_classes(HEAD, ("ant", "bee"), over="all")
    assert found.sentence.endswith("the highest logit among all 5 counts")
    assert competing((3, 1), 5, "all") == [3, 1, 0, 2, 4]
    assert competing((3, 1), 5, "subset") == [3, 1]


def test_a_name_of_two_classes_and_one_of_none_are_an_error_that_shows_them() -> None:
    with pytest.raises(UsageError) as caught:
        map_classes(HEAD, ("ant", "crane", "honye bee"))
    sentence = str(caught.value)
    assert "1 of 3 classes are not among the head's 5: 'honye bee' (near: 'honey bee, bee')" in sentence
    assert "1 of 3 classes could be several of the head's: 'crane' ('crane' or 'crane')" in sentence
    assert sentence.endswith("give --class-map FILE with the columns dataset class and head class")


def test_two_classes_of_the_dataset_cannot_be_the_same_one_of_the_head() -> None:
    with pytest.raises(UsageError, match="'ant' and 'emmet' of the dataset are both the head's class 'ant, emmet'"):
        map_classes(HEAD, ("ant", "emmet"))


def test_numbers_are_matched_by_index_only_if_there_are_as_many() -> None:
    numbers = ClassList(names=("0", "1", "2"))
    found = map_classes(numbers, ("cat", "dog", "owl"))
    assert (found.columns, found.sentence) == (None, "classes matched by index")
    assert map_classes(ClassList(names=("cat", "dog")), ("0", "1")).sentence == "classes matched by index"
    with pytest.raises(UsageError, match="not among the head's"):
        map_classes(HEAD, ("0", "1"))


def test_index_can_be_demanded_for_as_many_classes() -> None:
    head = ClassList(names=("plane", "car"))
    with pytest.raises(UsageError, match=r"not among .* or --class-map index"):
        map_classes(head, ("airplane", "automobile"))
    assert map_classes(head, ("airplane", "automobile"), how="index").sentence == "classes matched by index"
    with pytest.raises(UsageError, match="the head has 2 classes and the dataset has 3"):
        map_classes(head, ("a", "b", "c"), how="index")


def test_the_same_names_in_another_order_are_put_in_order() -> None:
    assert map_classes(ClassList(names=("a", "b", "c")), ("c", "a", "b")).columns == (2, 0, 1)


def test_a_given_map_decides_what_is_doubtful(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text("crane,2\nbird,n00000001\n")
    how = read_class_map(str(path))
    found = map_classes(HEAD, ("crane", "bird", "ant"), how=how)
    assert found.columns == (2, 0, 3)
    assert "matched by a given map (" in found.sentence
    with pytest.raises(UsageError, match="the class map names 'bird', which the dataset does not have"):
        map_classes(HEAD, ("crane", "ant"), how=how)


@pytest.mark.parametrize("text", ["a", "a,b,c", "a,", ""])
def test_a_map_that_is_no_table_of_pairs_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match="--class-map"):
        read_class_map(str(path))


def test_a_class_that_a_map_gives_two_head_classes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text("ant,emmet\nbee,honey bee\nant , emmet\n")
    assert read_class_map(str(path)) == {"ant": "emmet", "bee": "honey bee"}
    path.write_text("ant,emmet\nbee,honey bee\nant,crane\n")
    with pytest.raises(UsageError, match="'ant' is both 'emmet' and 'crane'"):
        read_class_map(str(path))


def test_a_map_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="expected auto, index or a CSV file"):
        read_class_map("indx")


def test_imagenets_folders_are_found_among_its_classes() -> None:
    assert map_classes(imagenet_classes(), imagenet_classes().ids).columns is None
    assert map_classes(imagenet_classes(), ("ant", "honeycomb", "bee")).columns == (310, 599, 309)
    with pytest.raises(UsageError, match="'crane' \\("):
        map_classes(imagenet_classes(), ("crane", "ant"))
