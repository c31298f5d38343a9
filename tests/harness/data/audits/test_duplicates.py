"""Images with equal pixels, within a split and across splits."""

from __future__ import annotations

from harness.data.audits.duplicates import HashedImage, find_duplicates


def images(name: str, *content: tuple[int, bytes]) -> list[HashedImage]:
    return [HashedImage(id=f"{name}{i}", label=label, pixel_hash=pixels) for i, (label, pixels) in enumerate(content)]


def test_an_image_of_three_labels_conflicts_with_each_that_differs() -> None:
    (found,) = find_duplicates({"train": images("", *((label, b"same") for label in (0, 1, 2, 0)))}, ("a", "b", "c"))
    assert (found.num_images, found.num_conflicting) == (3, 3)
    assert [each.ids for each in found.twins] == [("0", "3")]


def test_images_are_compared_within_each_split_and_across_each_two() -> None:
    found = find_duplicates(
        {"train": images("a", (0, b"x"), (1, b"y")), "test": images("b", (0, b"x"), (0, b"y"), (0, b"z"))}, ("p", "q")
    )
    assert [(each.splits, each.num_images, each.num_conflicting) for each in found] == [(("train", "test"), 2, 1)]
    assert found[0].conflicts[0].classes == ("q", "p")


def test_distinct_images_are_no_duplicates() -> None:
    assert find_duplicates({"train": images("a", (0, b"x"), (0, b"y"))}, ("p", "q")) == ()
