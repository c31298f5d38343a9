"""Batches of an epoch: what several processes are given of them is, put together, what one is given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from harness.batches.epoch_batches import EpochBatches
from harness.batches.forward_settings import ForwardSettings
from harness.data.images import TrialImages
from harness.training.distributed.ranks import MicroBatchShard, Ranks
from zoo import Hyperparameters, Recipe

SETTINGS = {
    "nothing": {},
    "geometry": {"crop_padding": 0.25, "flip": True, "random_resized_crop": 0.4},
    "alternating flips": {"flip": True, "flip_mode": "alternating", "cutout": 0.3},
    "colour": {"color_jitter": 0.4, "hue_jitter": 0.2, "random_erasing": 0.7},
    "operations": {"randaugment_ops": 2, "trivialaugment": True},
    "mixing": {"mixup_alpha": 0.4, "cutmix_alpha": 0.6, "flip": True},
    "balanced": {"sampling": "balanced", "crop_padding": 0.25},
    "photographs": {"random_resized_crop": 0.4, "flip": True, "color_jitter": 0.3},
    "photographs, alternating": {"random_resized_crop": 0.4, "flip": True, "flip_mode": "alternating"},
    "photographs, mixing": {"random_resized_crop": 0.4, "mixup_alpha": 0.4, "sampling": "balanced"},
}


def blot(images_BCHW, generator, hp):
    """Paint over a corner of half of the images, at random."""
    chosen_B = torch.rand(len(images_BCHW), generator=generator) < 0.5
    images_BCHW = images_BCHW.clone()
    images_BCHW[chosen_B, :, :2, :2] = 0
    return images_BCHW


@pytest.fixture
def make_batches(make_data):
    data = make_data(num_train=41)

    def make(settings, *, rows_of=None, channels_last=True, augment=None, photographs=False):
        hp = Hyperparameters(batch_size=12, **settings)
        images = TrialImages(data).train
        if photographs:
            rng = np.random.default_rng(3)
            shapes = rng.integers(9, 20, (len(images), 2)).tolist()
            images = replace(images, whole=[rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in shapes])
        return EpochBatches(
            images,
            Recipe(name="r", hyperparameters=Hyperparameters, augment=augment),
            hp,
            prepared=data,
            seed=5,
            settings=ForwardSettings(device=torch.device("cpu"), normalization=data, channels_last=channels_last),
            rows_of=rows_of,
        )

    return make


@pytest.mark.parametrize("name", SETTINGS)
def test_batches_made_ahead_are_the_same_bit_for_bit(make_batches, monkeypatch, name):
    made = {}
    for threads in (1, 2):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        monkeypatch.setattr("harness.batches.epoch_batches.usable_threads", lambda: 2)
        epochs = make_batches(SETTINGS[name]).of_epoch(2)
        assert (epochs.__name__ == "one_ahead") == (threads == 1)
        made[threads] = list(epochs)
    assert len(made[1]) == len(made[2]) == 4
    for ahead, plain in zip(made[1], made[2], strict=True):
        assert all(torch.equal(*pair) for pair in zip(ahead, plain, strict=True))


def test_a_recipes_own_augmentation_stays_in_the_thread_of_the_training(make_batches, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    monkeypatch.setattr("harness.batches.epoch_batches.usable_threads", lambda: 2)
    assert make_batches({}, augment=blot).of_epoch(1).__name__ != "one_ahead"


@pytest.mark.parametrize("augment", [None, blot], ids=["", "and the recipe's own"])
@pytest.mark.parametrize("channels_last", [False, True], ids=["", "channels last"])
@pytest.mark.parametrize("name", SETTINGS)
def test_shares_of_a_batch_are_the_batch_bit_for_bit(make_batches, name, channels_last, augment):
    options = {"channels_last": channels_last, "augment": augment, "photographs": name.startswith("photographs")}
    whole = list(make_batches(SETTINGS[name], **options).of_epoch(2))

    # Two micro-batches, each shared by two, the first of which has a third.
    def rows_of(rank):
        def rows(batch):
            half, third = batch // 2, max(1, batch // 6)
            first = range(third) if rank == 0 else range(third, half)
            second = range(half, half + third) if rank == 0 else range(half + third, batch)
            return [*first, *second]

        return rows

    shares = [list(make_batches(SETTINGS[name], rows_of=rows_of(rank), **options).of_epoch(2)) for rank in range(2)]
    for index, batch in enumerate(whole):
        for rank in range(2):
            rows = rows_of(rank)(len(batch[0]))
            for value, part in zip(batch, shares[rank][index], strict=True):
                assert torch.equal(part, value[rows])
            memory_format = torch.channels_last if channels_last else torch.contiguous_format
            assert shares[rank][index][0].is_contiguous(memory_format=memory_format)


def test_one_process_learns_from_all_of_a_batch():
    ranks = Ranks()
    assert ranks.rows([3, 2]) == [0, 1, 2, 3, 4]
    assert ranks.parts([3, 2]) == [MicroBatchShard(images=3, last=False), MicroBatchShard(images=2)]
    assert ranks.share_of(7) == slice(0, 7)


def test_photographs_are_cropped_whole_and_mirrored_once(make_batches):
    plain = {"random_resized_crop": 0.4}
    squares, crops, mirrored = (
        torch.cat([images for images, _, _ in make_batches(settings, photographs=photographs).of_epoch(1)])
        for settings, photographs in ((plain, False), (plain, True), ({**plain, "flip": True}, True))
    )
    assert squares.shape == crops.shape == mirrored.shape
    assert not torch.equal(squares, crops)
    is_mirrored = [torch.equal(a, b.flip(2)) for a, b in zip(mirrored, crops, strict=True)]
    is_same = [torch.equal(a, b) for a, b in zip(mirrored, crops, strict=True)]
    assert all(a != b for a, b in zip(is_mirrored, is_same, strict=True))
    assert 0 < sum(is_mirrored) < len(is_mirrored)


@pytest.mark.parametrize("channels_last", [False, True], ids=["", "channels last"])
@pytest.mark.parametrize("name", ["photographs, alternating", "photographs, mixing"])
def test_photographs_normalised_as_they_are_cropped_have_the_bits_of_those_normalised_in_batches(
    make_batches, name, channels_last
):
    def unchanged(images_BCHW, generator, hp):
        assert images_BCHW.dtype == torch.uint8
        return images_BCHW

    both = [
        make_batches(SETTINGS[name], channels_last=channels_last, photographs=True, augment=augment).of_epoch(2)
        for augment in (None, unchanged)
    ]
    for one, other in zip(*both, strict=True):
        assert all(torch.equal(*pair) for pair in zip(one, other, strict=True))


def test_without_random_crops_photographs_are_not_read(make_batches):
    whole, squares = (
        torch.cat([images for images, _, _ in make_batches({}, photographs=photographs).of_epoch(1)])
        for photographs in (True, False)
    )
    assert torch.equal(whole, squares)
