"""Crops of photographs: Pillow's pixels to two grey levels, the same from any number of threads and for any share."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from harness.batches.crop_boxes import CropDraws, crop_box, is_mirrored
from harness.batches.device_copy import PlainCopier
from harness.batches.normalization import Normalization, Normalizer
from harness.batches.photograph_crops import CropSettings, PhotographCrops, scale

CPU = torch.device("cpu")
NUM, SIZE = 23, 16
SETTINGS = CropSettings(size=SIZE, smallest_area=0.3, mirror=True)


def photographs(channels: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(NUM):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        size = (int(rng.integers(20, 90)), int(rng.integers(20, 90)))
        pixels = np.array(coarse.resize(size, Image.Resampling.BICUBIC))
        found.append(pixels[:, :, :channels].copy())
    return found


PHOTOGRAPHS = photographs()
LABELS_N = np.arange(NUM) * 10
ORDER_N = torch.from_numpy(np.random.default_rng(1).permutation(NUM))
SIZES = [8, 8, 7]


def epoch(settings: CropSettings = SETTINGS, **given) -> tuple[torch.Tensor, torch.Tensor]:
    seed, num_workers = given.pop("seed", 0), given.pop("num_workers", 2)
    images, channels = given.pop("images", PHOTOGRAPHS), given.pop("channels", 3)
    form = {name: given.pop(name) for name in ("copier", "normalizer") if name in given}
    crops = PhotographCrops(images, LABELS_N, settings, channels=channels, seed=seed, num_workers=num_workers, **form)
    of_epoch = crops.batches(ORDER_N, given.pop("sizes", SIZES), epoch=given.pop("epoch", 1), **given)
    parts = [(images.clone(), labels) for images, labels in of_epoch]
    return torch.cat([images for images, _ in parts]), torch.cat([labels for _, labels in parts])


def test_each_image_is_its_own_crop_in_the_order_of_the_epoch():
    images_NCHW, labels_N = epoch()
    assert images_NCHW.shape == (NUM, 3, SIZE, SIZE)
    assert labels_N.tolist() == (ORDER_N * 10).tolist()
    drawn = CropDraws(0, 1).of(range(NUM)).tolist()
    for position, index in enumerate(ORDER_N.tolist()):
        photograph, numbers = PHOTOGRAPHS[index], drawn[position]
        top, left, height, width = crop_box(numbers, *photograph.shape[:2], smallest_area=0.3)
        cropped = Image.fromarray(photograph[top : top + height, left : left + width])
        expected = np.asarray(cropped.resize((SIZE, SIZE), Image.Resampling.BICUBIC)).astype(int)
        expected = expected[:, ::-1] if is_mirrored(numbers) else expected
        assert np.abs(images_NCHW[position].permute(1, 2, 0).numpy() - expected).max() <= 2


def test_batches_do_not_depend_on_the_number_of_threads():
    expected, _ = epoch(num_workers=1)
    for num_workers in (2, 5):
        assert torch.equal(epoch(num_workers=num_workers)[0], expected)


def test_a_share_of_the_positions_gets_the_same_crops():
    expected, labels_N = epoch()
    positions = torch.tensor([0, 2, 9, 8, 20])
    images, labels = epoch(positions_M=positions, sizes=[2, 3])
    assert torch.equal(images, expected[positions])
    assert torch.equal(labels, labels_N[positions])


def test_batches_copied_to_a_device_in_chunks_are_the_same():
    expected, expected_labels = epoch()
    images, labels = epoch(copier=PlainCopier(CPU))
    assert torch.equal(images, expected)
    assert torch.equal(labels, expected_labels)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("channels_last", [False, True])
def test_images_normalised_one_by_one_have_the_bits_of_a_normalised_batch(channels, channels_last):
    statistics = Normalization(mean=(0.485, 0.456, 0.406)[:channels], std=(0.229, 0.224, 0.225)[:channels])
    normalizer = Normalizer(statistics, CPU, channels_last=channels_last)
    given = {"images": photographs(channels), "channels": channels}
    for size in (SIZE, 13, 128):  # those from 96 pixels are normalised one by one in any case
        settings = CropSettings(size=size, smallest_area=0.3, mirror=True)
        expected = normalizer(epoch(settings, **given)[0].contiguous(memory_format=torch.channels_last))
        found, _ = epoch(settings, normalizer=normalizer, **given)
        assert torch.equal(found, expected)
        memory_format = torch.channels_last if channels_last else torch.contiguous_format
        assert found.is_contiguous(memory_format=memory_format)


def test_batches_that_are_kept_are_not_overwritten():
    crops = PhotographCrops(PHOTOGRAPHS, LABELS_N, SETTINGS, channels=3, seed=0, num_workers=2)
    kept = [(images[1:], images.clone()) for images, _ in crops.batches(ORDER_N, [3] * 7 + [2], epoch=1)]
    assert all(torch.equal(images, copy[1:]) for images, copy in kept)


def test_epochs_and_seeds_crop_differently():
    first, _ = epoch()
    assert not torch.equal(first, epoch(epoch=2)[0])
    assert not torch.equal(first, epoch(seed=1)[0])


def test_mirroring_can_be_chosen_or_off():
    plain, _ = epoch(CropSettings(size=SIZE, smallest_area=0.3))
    mirrored_N = torch.arange(NUM) % 2 == 0
    chosen, _ = epoch(mirrored_N=mirrored_N)
    assert torch.equal(chosen[1::2], plain[1::2])
    assert torch.equal(chosen[::2], plain[::2].flip(3))
    drawn, _ = epoch()
    kept = [torch.equal(a, b) for a, b in zip(drawn, plain, strict=True)]
    assert 0 < sum(kept) < NUM


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("channels", [1, 3])
def test_scaling_is_pillows_to_a_grey_level_or_two(interpolation, channels):
    filters = {name: Image.Resampling[name.upper()] for name in ("nearest", "bilinear", "bicubic")}
    for photograph in photographs(channels):
        height, width = photograph.shape[:2]
        box = (height // 4, width // 5, height - height // 4 - 1, width - width // 5 - 2)
        top, left, high, wide = box
        cropped = photograph[top : top + high, left : left + wide]
        image = Image.fromarray(np.ascontiguousarray(cropped[:, :, 0] if channels == 1 else cropped))
        expected = np.asarray(image.resize((32, 32), filters[interpolation])).reshape(32, 32, channels)
        found = scale(photograph, box, size=32, interpolation=interpolation).numpy()
        # Two where bicubic overshoots, which is clipped after each of its two passes.
        assert np.abs(found.astype(int) - expected).max() <= (2 if interpolation == "bicubic" else 1)


def test_images_that_cannot_be_written_to_are_left_alone():
    frozen = [image.copy() for image in PHOTOGRAPHS]
    for image in frozen:
        image.flags.writeable = False
    assert torch.equal(epoch(images=frozen)[0], epoch()[0])


def test_an_error_in_a_thread_reaches_the_caller():
    class Broken(list):
        def __getitem__(self, index):
            raise ValueError("this image is broken")

    with pytest.raises(ValueError, match="this image is broken"):
        epoch(images=Broken(PHOTOGRAPHS))
