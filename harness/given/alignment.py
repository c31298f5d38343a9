"""Alignment: which prediction belongs to which test image, by sample id, file name or content.

Every test image has exactly one prediction, and every prediction an image; anything else is an error that names the
first ids. Shape suffixes: N images.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.given.interpretation import GivenPredictions
from harness.given.test_images import TestImages
from harness.given.words import shown
from zoo.text import plural

_SHA256 = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)
_POSITION = re.compile(r"test/(\d+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Way:
    """A way to tell which image an id means."""

    name: str
    of_image: Callable[[str], str]
    of_given: Callable[[str], str]


def _same(text: str) -> str:
    return text


def _last_two(text: str) -> str:
    return "/".join(text.replace("\\", "/").split("/")[-2:])


def _file_name(text: str) -> str:
    return text.replace("\\", "/").rsplit("/", 1)[-1]


def _stem(text: str) -> str:
    name = _file_name(text)
    return name.rpartition(".")[0] or name


def _unpadded(text: str) -> str:
    return (text.lstrip("0") or "0") if _is_number(text) else text


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _are_numbers(ids: Sequence[str]) -> bool:
    """Return whether ids are numbers of images, also as names of files; ``test/0`` says which order it means."""
    return all(_is_number(_stem(each)) and not _POSITION.fullmatch(each) for each in ids)


def _position(text: str) -> str:
    found = _POSITION.fullmatch(text)
    return found[1] if found else text


_NUMBER = _Way(name="number in the test split", of_image=_position, of_given=_same)
_WAYS = (
    _Way(name="id", of_image=_same, of_given=_same),
    _NUMBER,
    _Way(name="number without leading zeros", of_image=_unpadded, of_given=_unpadded),
    _Way(name="folder and file name", of_image=_last_two, of_given=_last_two),
    _Way(name="file name", of_image=_file_name, of_given=_file_name),
    _Way(name="file name without its ending", of_image=_stem, of_given=_stem),
    _Way(
        name="file name without its ending and leading zeros",
        of_image=lambda text: _unpadded(_stem(text)),
        of_given=lambda text: _unpadded(_stem(text)),
    ),
)
"""Ways to tell which image an id means, the strictest first."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Alignment:
    """Where the prediction of each test image is in a file."""

    places_N: NDArray[np.int64]
    """Row of the file for each test image."""
    way: str
    """What ids were compared by."""
    num_left_out: int
    """Number of predictions of images that a limit leaves out of the test set."""


def align(given: GivenPredictions, images: TestImages) -> Alignment:
    """Return which row of a file belongs to each test image.

    Ids are compared as they are; then as numbers in the test split, by folder and file name, by file name, without its
    ending, and without leading zeros; by the file names that the dataset states beside its ids; if all are SHA-256, by
    the content of the images. The first of these that finds every id counts, or else the one that finds most, for the
    sentence about the others. File names that two test images share are not used.

    Raises:
        DataError: If an image has no prediction or several, a prediction has no image, or ids are numbers and the
            images are in another order than the published one.
    """
    best: tuple[_Way, list[int]] | None = None
    counts = _are_numbers(given.ids) and not images.is_in_published_order and all(map(_POSITION.fullmatch, images.ids))
    ways = [(way, images.ids) for way in (_WAYS[:1] if counts else _WAYS)]
    if images.file_names:
        ways += [(way, images.file_names) for way in _WAYS if way is not _NUMBER]
    for way, keys in ways:
        found = _places(given.ids, keys, way)
        if found is None:
            continue
        if best is None or _num_found(found) > _num_found(best[1]):
            best = (way, found)
        if _num_found(found) == len(found):
            break
    assert best is not None, "ids are unique, so the first way always applies"
    if _num_found(best[1]) == 0 and images.content is not None and all(map(_SHA256.fullmatch, given.ids)):
        contents = images.content()
        if len(set(contents)) < len(contents):
            repeated = sum(count > 1 for count in Counter(contents).values())
            raise given.columns.error(
                f"its ids are SHA-256, but {plural(repeated, 'image')} occur more than once among {images.title}"
            )
        way = _Way(name="content", of_image=_same, of_given=str.lower)
        found = _places(given.ids, contents, way)
        assert found is not None, "they are distinct"
        best = (way, found)
    if counts and _num_found(best[1]) == 0:
        names = shown(images.file_names) if images.file_names else "such as photo_1.png"
        raise given.columns.error(
            f"its ids are numbers, but {images.title} are in another order here than they were published in, so "
            f"numbers do not say which image is meant: expected names of files ({names}), the SHA-256 of files, "
            "test/0, test/1 … for the order here, or --labels FILE with the published order"
        )
    return _checked(given, images, *best)


def _places(given: Sequence[str], images: Sequence[str], way: _Way) -> list[int] | None:
    """Return the image of each given id, -1 where there is none; None if the way confuses images."""
    places = {way.of_image(each): place for place, each in enumerate(images)}
    if len(places) < len(images):
        return None
    return [places.get(way.of_given(each), -1) for each in given]


def _num_found(places: Sequence[int]) -> int:
    return sum(place >= 0 for place in places)


def _checked(given: GivenPredictions, images: TestImages, way: _Way, places: Sequence[int]) -> Alignment:
    unknown = [each for each, place in zip(given.ids, places, strict=True) if place < 0]
    strange = [each for each in unknown if each not in images.left_out and f"test/{each}" not in images.left_out]
    if strange and len(unknown) == len(given.ids):
        raise given.columns.error(
            f"none of its {plural(len(given.ids), 'id')} ({shown(given.ids)}) is among {images.title}, whose ids are "
            f"{shown(images.ids)}"
        )
    rows_N = np.full(len(images), -1, dtype=np.int64)
    doubled: dict[str, None] = {}
    for row, place in enumerate(places):
        if place < 0:
            continue
        if rows_N[place] >= 0:
            doubled[given.ids[row]] = None
        rows_N[place] = row
    missing = [images.ids[place] for place in np.flatnonzero(rows_N < 0).tolist()]
    problems = []
    if strange:
        problems.append(f"{plural(len(strange), 'id')} not among {images.title}: {shown(strange)}")
    if doubled:
        problems.append(f"{plural(len(doubled), 'id')} more than once: {shown(list(doubled))}")
    if missing:
        problems.append(
            f"{len(missing):,} of {plural(len(images), 'test image')} without a prediction: {shown(missing)}"
        )
    if problems:
        raise given.columns.error("; ".join(problems))
    return Alignment(places_N=rows_N, way=way.name, num_left_out=len(unknown))
