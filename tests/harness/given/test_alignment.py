"""Alignment: ids find their images by each way, and wrong, missing and doubled ones are named with their number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.given.alignment import align
from harness.given.columns import Columns
from harness.given.interpretation import GivenPredictions
from harness.given.test_images import TestImages
from zoo.errors import DataError

MakeImages = Callable[[Sequence[str]], TestImages]


def given(ids: Sequence[str]) -> GivenPredictions:
    return GivenPredictions(
        columns=Columns(path=Path("p.csv"), sha256="", by_name={}),
        ids=list(ids),
        predicted_N=np.zeros(len(ids), dtype=np.int64),
        logits_NK=None,
    )


@pytest.mark.parametrize(
    ("images", "ids", "places", "way"),
    [
        (["a", "b", "c"], ["c", "a", "b"], [1, 2, 0], "id"),
        (["test/0", "test/1"], ["1", "0"], [1, 0], "number in the test split"),
        (["test/0", "test/1"], ["test/1", "test/0"], [1, 0], "id"),
        (["test/cat/1.png", "test/dog/1.png"], ["/x/dog/1.png", "/x/cat/1.png"], [1, 0], "folder and file name"),
        (["cat/1.png", "dog/2.png"], ["2.png", "1.png"], [1, 0], "file name"),
        (["cat/1.png", "dog/2.png"], ["C:\\x\\2.png", "C:\\x\\1.png"], [1, 0], "file name"),
        (["cat/1.png", "dog/2.png"], ["2", "1"], [1, 0], "file name without its ending"),
        (["cat/1.png", "dog/2.png"], ["2.jpeg", "1.jpeg"], [1, 0], "file name without its ending"),
        (["0", "1"], ["x/0001.png", "x/0000.png"], [1, 0], "file name without its ending and leading zeros"),
        (["test/0", "test/1"], ["0001.png", "0000.png"], [1, 0], "file name without its ending and leading zeros"),
    ],
)
def test_ids_are_compared_from_the_strictest_way_to_the_loosest(
    toy_images: MakeImages, images: list[str], ids: list[str], places: list[int], way: str
) -> None:
    found = align(given(ids), toy_images(images))
    assert (found.places_N.tolist(), found.way, found.num_left_out) == (places, way, 0)


def test_content_is_compared_where_ids_are_checksums(toy_images: MakeImages) -> None:
    sums = [f"{number:064x}" for number in range(3)]
    images = replace(toy_images(["a", "b", "c"]), content=lambda: sums)
    found = align(given([sums[2].upper(), sums[0], sums[1]]), images)
    assert (found.places_N.tolist(), found.way) == ([1, 2, 0], "content")
    twice = replace(images, content=lambda: [sums[0], sums[0], sums[1]])
    with pytest.raises(DataError, match="its ids are SHA-256, but 1 image "):
        align(given(sums), twice)


def test_images_that_a_limit_leaves_out_are_passed_over(toy_images: MakeImages) -> None:
    images = replace(toy_images(["test/0", "test/3"]), left_out=frozenset({"test/1", "test/2"}))
    found = align(given(["0", "1", "2", "3"]), images)
    assert (found.places_N.tolist(), found.num_left_out) == ([0, 3], 2)
    with pytest.raises(DataError, match=r"1 id not among labels\.json: '4'"):
        align(given(["0", "1", "4", "3"]), images)


def test_file_names_are_compared_where_the_dataset_states_them_beside_its_ids(toy_images: MakeImages) -> None:
    images = replace(toy_images(["test/0", "test/1"]), file_names=["tow_truck.png", "cat_7.png"])
    for ids in (["cat_7.png", "tow_truck.png"], ["cat_7", "tow_truck"], ["x/cat_7.png", "x/tow_truck.png"]):
        assert align(given(ids), images).places_N.tolist() == [1, 0]
    assert align(given(["1", "0"]), images).places_N.tolist() == [1, 0]


def test_numbers_are_refused_where_images_are_in_another_order_than_they_were_published_in(
    toy_images: MakeImages,
) -> None:
    images = replace(toy_images(["test/0", "test/1"]), file_names=["b.png", "a.png"], is_in_published_order=False)
    with pytest.raises(DataError, match=r"its ids are numbers, but .* expected names of files \('b\.png', 'a\.png'\)"):
        align(given(["0", "1"]), images)
    with pytest.raises(DataError, match=r"expected names of files \(such as photo_1\.png\)"):
        align(given(["0", "1"]), replace(images, file_names=()))
    for names in (["0.png", "1.png"], ["test/0.png", "test/1.png"], ["00000", "00001"], ["cifar/00000.png", "1.png"]):
        with pytest.raises(DataError, match="its ids are numbers, but"):
            align(given(names), images)
    assert align(given(["test/1", "test/0"]), images).way == "id"
    assert align(given(["a.png", "b.png"]), images).places_N.tolist() == [1, 0]
    assert align(given(["8", "7"]), replace(images, file_names=["7.png", "8.png"])).places_N.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        (["a", "b", "c"], "p.csv: 1 of 4 test images without a prediction: 'd'"),
        (["a", "b", "c", "d", "b"], "p.csv: 1 id more than once: 'b'"),
        (["a", "b", "c", "d", "e", "f"], "p.csv: 2 ids not among labels.json: 'e', 'f'"),
        (
            ["a", "a", "x"],
            "p.csv: 1 id not among labels.json: 'x'; 1 id more than once: 'a'; 3 of 4 test images without a "
            "prediction: 'b', 'c', 'd'",
        ),
        (
            ["w", "x", "y", "z"],
            "p.csv: none of its 4 ids ('w', 'x', 'y' …) is among labels.json, whose ids are 'a', 'b', 'c' …",
        ),
    ],
)
def test_wrong_missing_and_doubled_ids_are_named(toy_images: MakeImages, ids: list[str], sentence: str) -> None:
    with pytest.raises(DataError) as raised:
        align(given(ids), toy_images(["a", "b", "c", "d"]))
    assert str(raised.value) == sentence


def test_two_images_of_one_file_name_are_not_confused(toy_images: MakeImages) -> None:
    with pytest.raises(DataError, match="none of its 2 ids"):
        align(given(["1.png", "1.png"]), toy_images(["a/1.png", "b/1.png"]))
