"""The size and the channels that all images of a dataset are brought to."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from harness.data.image_shape import Shape, Wanted
from harness.data.splitting import whole
from harness.records.spec import DatasetSpec, ProviderSpec
from tests.harness.data.toy_splits import TEST, TRAIN, Prepare, png, splits
from zoo.dataset import Dataset, Split, Splits
from zoo.preparation import DEFAULT_SIZE


def shape_of(
    images: list[Image.Image], *, asked: int | None = None, hint: int | None = None, design: int = 224
) -> Shape:
    encoded = []
    for image in images:
        file = io.BytesIO()
        image.save(file, "PNG")
        encoded.append(file.getvalue())
    part = whole("train", Split(labels=np.zeros(len(images), dtype=np.int64), encoded=encoded))
    dataset = Dataset(name="x", load=lambda request: Splits(classes=("a", "b"), train=part.source), image_size=hint)
    spec = DatasetSpec(full_name="t/x", display_name="x", provider=ProviderSpec(plugin="t"), image_size=asked)
    wanted = Wanted(preparation=spec.asked, design_size=design)
    return Shape.find(dataset, spec, {"train": part}, lambda *_: None, wanted)


@pytest.mark.parametrize(
    ("sizes", "asked", "hint", "size"),
    [
        ([(8, 8), (8, 8)], None, None, 8),
        ([(8, 8), (9, 9)], None, None, DEFAULT_SIZE),
        ([(8, 6), (8, 6)], None, None, DEFAULT_SIZE),
        ([(8, 8)], None, 32, 32),
        ([(8, 8)], 16, 32, 16),
    ],
)
def test_the_requested_size_takes_precedence_over_the_datasets_and_the_images_own(
    sizes: list[tuple[int, int]], asked: int | None, hint: int | None, size: int
) -> None:
    shape = shape_of([Image.new("RGB", each) for each in sizes], asked=asked, hint=hint)
    assert (shape.size, shape.channels, shape.num_bytes) == (size, 3, size * size * 3)
    assert bool(shape.notes) == (size == DEFAULT_SIZE)


def test_images_have_one_channel_if_all_are_grey() -> None:
    assert shape_of([Image.new("L", (8, 8)), Image.new("1", (8, 8))]).channels == 1
    assert shape_of([Image.new("L", (8, 8)), Image.new("RGB", (8, 8))]).channels == 3


@pytest.mark.parametrize(
    ("sizes", "design", "size"),
    [
        ([(40, 32)], 32, 32),
        ([(40, 32), (50, 34), (90, 96)], 28, 34),
        ([(500, 375), (640, 480)], 32, DEFAULT_SIZE),
        ([(40, 32)], 224, 224),
        ([(500, 375), (640, 480)], 240, 240),
        ([(96, 96)], 32, 96),
        ([(96, 96)], 224, 96),
        ([(512, 512)], 224, 224),
    ],
)
def test_small_networks_follow_the_images_and_others_take_no_more_pixels_than_they_were_designed_for(
    sizes: list[tuple[int, int]], design: int, size: int
) -> None:
    """Issue 17: pictures of 40×32 pixels became 224×224 for LeNet-5."""
    shape = shape_of([Image.new("RGB", each) for each in sizes], design=design)
    assert shape.size == size
    is_square = all(width == height for width, height in sizes)
    assert shape.notes == [] if is_square else f"prepared as {size} px, crop, bicubic" in shape.notes[0]


def test_grey_images_have_one_channel_and_one_colour_image_makes_it_three(prepare: Prepare) -> None:
    grey = [png(i, mode="L") for i in range(10)]
    assert prepare(splits(grey, grey[:2])).channels == 1
    mixed = prepare(splits(grey, [png(3), png(4)]))
    assert mixed.channels == 3
    assert (np.ptp(mixed.load("train").images_NHWC, axis=3) == 0).all()


def test_the_size_is_the_requested_one_else_the_images_own_else_224(prepare: Prepare) -> None:
    assert prepare(splits(TRAIN, TEST), image_size=5).image_size == 5
    assert prepare(splits(TRAIN, TEST)).image_size == 8
    several = prepare(splits([png(0, (8, 8)), *(png(i, (9, 9)) for i in range(1, 10))], TEST))
    assert several.image_size == 224
    assert any("different sizes" in note for note in several.notes)
    oblong = prepare(splits([png(i, (9, 8)) for i in range(10)]))
    assert oblong.image_size == 224
    assert any("9×8" in note for note in oblong.notes)
