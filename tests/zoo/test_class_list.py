"""Class lists, and ImageNet's, which timm brings."""

from __future__ import annotations

import pytest

from zoo.class_list import IMAGENET, ClassList, classes_of_head, imagenet_classes


def test_imagenet_has_a_thousand_classes_with_wordnet_ids_and_names() -> None:
    classes = imagenet_classes()
    assert len(classes) == 1000
    assert classes.ids[0] == "n01440764"
    assert classes.names[0] == "tench, Tinca tinca"
    assert classes.names[classes.ids.index("n02219486")] == "ant, emmet, pismire"
    assert len(set(classes.ids)) == 1000


@pytest.mark.parametrize(("number", "name"), list(IMAGENET.items()))
def test_each_list_has_the_number_of_classes_that_it_is_found_by(number: int, name: str) -> None:
    assert len(imagenet_classes(name)) == number


@pytest.mark.parametrize(("names", "ids"), [((), ()), (("a", "b"), ("1",))])
def test_a_list_without_classes_or_with_missing_ids_is_refused(names: tuple[str, ...], ids: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="class list"):
        ClassList(names=names, ids=ids)


def test_a_head_of_another_number_of_classes_has_numbers_for_names() -> None:
    assert classes_of_head(1000) == imagenet_classes()
    assert classes_of_head(3).names == ("0", "1", "2")
