"""Preparations: layers over each other, and what a network's default size is."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from pydantic import TypeAdapter, ValidationError

from zoo.preparation import USUAL, Preparation, default_size, layered

PUBLISHED = Preparation(
    size=240, fit="crop", crop_share=0.875, interpolation="bilinear", mean=(0.2, 0.4, 0.6), std=(0.1, 0.2, 0.3)
)


def test_what_a_layer_leaves_open_is_taken_from_the_one_below() -> None:
    asked = Preparation(size=128, interpolation="nearest")
    found = asked.over(PUBLISHED).over(USUAL)
    assert (found.size, found.crop_share, found.interpolation, found.antialias) == (128, 0.875, "nearest", True)
    assert found.mean == PUBLISHED.mean
    assert layered([asked, PUBLISHED]) == found
    assert layered([]) == USUAL


def test_padding_takes_the_mean_colour_if_it_is_stated_and_grey_otherwise() -> None:
    assert layered([Preparation(fit="pad"), PUBLISHED]).fill == (51, 102, 153)
    assert layered([Preparation(fit="pad")]).colour(3) == (128, 128, 128)
    assert layered([Preparation(fit="pad"), PUBLISHED]).colour(1) == (102,)
    assert layered([Preparation(fit="pad", fill=(0, 0, 0)), PUBLISHED]).fill == (0, 0, 0)
    assert layered([PUBLISHED]).fill is None


def test_statistics_of_another_number_of_channels_are_averaged() -> None:
    grey = PUBLISHED.for_channels(1)
    assert (grey.mean, grey.std) == (pytest.approx((0.4,)), pytest.approx((0.2,)))
    assert PUBLISHED.for_channels(3) == PUBLISHED
    assert USUAL.for_channels(1) == USUAL


def test_pixels_do_not_depend_on_mean_and_std() -> None:
    assert PUBLISHED.view == Preparation(size=240, fit="crop", crop_share=0.875, interpolation="bilinear")


@pytest.mark.parametrize(
    ("size", "share", "scaled"), [(224, 0.875, 256), (224, 0.95, 235), (288, 1.0, 288), (7, 0.9, 7)]
)
def test_images_are_scaled_as_by_timm(size: int, share: float, scaled: int) -> None:
    assert Preparation(size=size, crop_share=share).scaled_size == scaled


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"size": 0}, "size must be from 1 to 4096 pixels, got 0"),
        ({"crop_share": 2.5}, "crop_share must be above 0 and at most 2, got 2.5"),
        ({"fit": "zoom"}, "fit must be crop, pad or squash, got 'zoom'"),
        ({"interpolation": "cubic"}, "interpolation must be nearest, bilinear, bicubic or lanczos, got 'cubic'"),
        ({"interpolation": "lanczos", "antialias": False}, "lanczos is always antialiased"),
        ({"mean": (0.5,)}, "mean and std must have a value for each channel"),
        ({"mean": (0.5,), "std": (0.5, 0.5)}, "mean and std must have a value for each channel"),
    ],
)
def test_values_out_of_range_are_refused(fields: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Preparation(**fields)  # type: ignore[arg-type]


def test_it_survives_json_and_refuses_unknown_values() -> None:
    adapter = TypeAdapter(Preparation)
    assert adapter.validate_json(adapter.dump_json(PUBLISHED)) == PUBLISHED
    assert adapter.validate_python(asdict(PUBLISHED)) == PUBLISHED
    with pytest.raises(ValidationError):
        adapter.validate_python({"fit": "zoom"})


def test_it_is_shown_in_a_few_words() -> None:
    assert str(PUBLISHED) == "240 px, crop 0.875, bilinear"
    assert str(Preparation(fit="pad")) == "the images' size, pad"
    assert Preparation(fit="pad").describe(32) == "the images' size, pad"
    assert Preparation(fit="pad").describe(224) == "at most 224 px, pad", "a large network is given no larger images"
    assert Preparation(fit="pad", size=96).describe(224) == "96 px, pad"
    assert str(Preparation(size=8, fit="squash", antialias=False)) == "8 px, squash, not antialiased"


def test_default_sizes_neither_enlarge_squares_nor_exceed_what_a_network_was_designed_for() -> None:
    assert [default_size(224, common=side, median=side) for side in (32, 224, 512)] == [32, 224, 224]
    assert [default_size(32, common=side, median=side) for side in (8, 96, 512)] == [8, 96, 512]
    assert [default_size(240, common=None, median=side) for side in (32, 400)] == [240, 240]
    assert [default_size(28, common=None, median=side) for side in (32, 400)] == [32, 224]
