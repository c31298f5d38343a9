"""Illustrations: each picture is made once, and only if the cache holds its image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reports.site import illustrations
from reports.site.illustrations import Illustrations


class Cache:
    """Stands for the pictures of one dataset."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def png(self, sample: int) -> bytes | None:
        self.asked.append(sample)
        return b"picture" if sample < 10 else None


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> Cache:
    cache = Cache()
    monkeypatch.setattr(illustrations, "find_thumbnails", lambda folder, fingerprint: cache)
    return cache


def test_a_picture_is_a_file_that_is_made_once(cache: Cache) -> None:
    pictures = Illustrations(cache=Path("cache"), inline=False)
    assert pictures.made("ab" * 32, 5) is None
    path = pictures.of("ab" * 32, 5)
    assert path == "images/abababababab-0000000000000005.png"
    assert pictures.of("ab" * 32, 5) == pictures.made("ab" * 32, 5) == path
    assert pictures.files == {path: b"picture"}
    assert cache.asked == [5]


def test_an_image_that_is_not_in_the_cache_has_no_picture(cache: Cache) -> None:
    pictures = Illustrations(cache=Path("cache"), inline=False)
    assert pictures.of("ab" * 32, 11) is None
    assert pictures.files == {}


def test_in_a_single_file_pictures_are_data(cache: Cache) -> None:
    assert Illustrations(cache=Path("cache"), inline=True).of("ab" * 32, 5) == "data:image/png;base64,cGljdHVyZQ=="


def test_without_a_cache_there_are_no_pictures() -> None:
    assert Illustrations(cache=None, inline=False).of("ab" * 32, int(np.uint64(5))) is None
