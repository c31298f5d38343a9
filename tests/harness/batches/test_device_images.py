"""Batches: every image once, the same ones whatever the path."""

from __future__ import annotations

import types

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.batches import device_images
from harness.batches.device_images import DeviceImages, batch_sizes, epoch_order, micro_batch_sizes, offsets
from harness.faults.errors import TrialError

CPU = torch.device("cpu")
LABELS_N = np.array([0] * 60 + [1] * 30 + [3] * 10)


@given(st.integers(2, 5000), st.integers(2, 600))
def test_batches_cover_all_images_and_none_has_one_image(num_images, batch_size):
    """`drop_last` with fewer images than a batch trains nothing elsewhere."""
    sizes = batch_sizes(num_images, batch_size)
    assert sum(sizes) == num_images
    assert min(sizes) >= 2
    assert max(sizes) <= batch_size + 1
    assert offsets(sizes) == [sum(sizes[:index]) for index in range(len(sizes))]


def test_a_last_batch_of_one_joins_the_one_before():
    assert batch_sizes(9, 4) == [4, 5]
    assert batch_sizes(10, 4) == [4, 4, 2]
    assert batch_sizes(3, 1) == [1, 1, 1]


@pytest.mark.parametrize("num_images", [0, 1])
def test_no_step_is_an_error(num_images):
    with pytest.raises(TrialError, match="at least 2 images"):
        batch_sizes(num_images, 4)


@given(st.integers(1, 300), st.integers(1, 20))
def test_micro_batches_cover_the_batch_evenly(batch, accumulate_steps):
    sizes = micro_batch_sizes(batch, accumulate_steps)
    assert sum(sizes) == batch
    assert len(sizes) <= accumulate_steps
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= min(2, batch)


def test_an_epoch_is_a_permutation_that_depends_on_seed_and_epoch_alone():
    order_N = epoch_order(LABELS_N, "shuffle", seed=0, epoch=1)
    assert sorted(order_N.tolist()) == list(range(100))
    assert torch.equal(order_N, epoch_order(LABELS_N, "shuffle", seed=0, epoch=1))
    assert not torch.equal(order_N, epoch_order(LABELS_N, "shuffle", seed=0, epoch=2))
    assert not torch.equal(order_N, epoch_order(LABELS_N, "shuffle", seed=1, epoch=1))


def test_every_image_comes_at_every_place_equally_often():
    places = np.zeros((6, 6))
    for epoch in range(3000):
        places[np.arange(6), epoch_order(np.zeros(6, int), "shuffle", seed=0, epoch=epoch).numpy()] += 1
    # Binomial(3000, 1/6): 500 with a standard deviation of 20.
    assert np.abs(places - 500).max() < 5 * 20.4


def test_balanced_sampling_draws_every_class_that_occurs_equally_often():
    order_N = epoch_order(LABELS_N, "balanced", seed=0, epoch=1)
    counts = np.bincount(LABELS_N[order_N.numpy()], minlength=4)
    assert len(order_N) == 100
    assert counts[2] == 0
    assert set(counts[[0, 1, 3]]) <= {33, 34}


def test_balanced_sampling_draws_the_images_of_a_class_equally_often():
    drawn = np.zeros(100)
    for epoch in range(300):
        np.add.at(drawn, epoch_order(LABELS_N, "balanced", seed=0, epoch=epoch).numpy(), 1)
    for label, expected in ((0, 300 * 100 / 3 / 60), (1, 300 * 100 / 3 / 30), (3, 300 * 100 / 3 / 10)):
        assert np.abs(drawn[label == LABELS_N] - expected).max() < 5 * expected**0.5


@pytest.mark.parametrize("channels", [1, 3])
def test_streamed_batches_equal_resident_ones(make_data, channels):
    images = make_data(num_train=50, channels=channels).load("train")
    order_N = epoch_order(images.labels_N, "shuffle", seed=0, epoch=1)
    sizes = batch_sizes(50, 8)
    resident = list(DeviceImages(images, CPU, resident=True).batches(order_N, sizes))
    streamed = list(DeviceImages(images, CPU, resident=False).batches(order_N, sizes))
    assert len(resident) == len(streamed) == len(sizes)
    for (one_BCHW, one_B), (other_BCHW, other_B), indices_B in zip(
        resident, streamed, order_N.split(sizes), strict=True
    ):
        assert torch.equal(one_BCHW, other_BCHW)
        assert torch.equal(one_B, other_B)
        assert one_BCHW.shape == (len(indices_B), channels, 8, 8)
        assert one_BCHW.dtype == torch.uint8
        expected = torch.from_numpy(images.images_NHWC[indices_B.numpy()]).permute(0, 3, 1, 2)
        assert torch.equal(one_BCHW, expected)
        assert one_B.tolist() == images.labels_N[indices_B.numpy()].tolist()


def test_a_stream_that_is_left_early_leaves_no_thread(make_data):
    import threading

    images = make_data(num_train=50).load("train")
    stream = DeviceImages(images, CPU, resident=False).batches(torch.arange(50), [10] * 5)
    next(stream)
    stream.close()
    assert not any(thread.name.startswith("batches") for thread in threading.enumerate())


GIB = 2**30


def gpu_memory(monkeypatch, *, free, total, reserved=0.0, allocated=0.0):
    """A GPU with so many GiB, of which torch reserved some and gave out a part of those."""
    module = types.SimpleNamespace(mem_get_info=lambda device: (int(free * GIB), int(total * GIB)))
    monkeypatch.setattr(torch, "get_device_module", lambda device: module)
    monkeypatch.setattr(torch.accelerator, "memory_reserved", lambda device: int(reserved * GIB))
    monkeypatch.setattr(torch.accelerator, "memory_allocated", lambda device: int(allocated * GIB))


def room(trials=1):
    return device_images.room_for_images(torch.device("cuda:0"), trials) / GIB


def test_images_may_take_a_share_of_the_free_memory(monkeypatch):
    gpu_memory(monkeypatch, free=50, total=80)
    assert room() == pytest.approx(0.4 * 50)


def test_what_torch_keeps_for_itself_counts_as_free(monkeypatch):
    """After tuning, the driver sees it as used."""
    gpu_memory(monkeypatch, free=10, total=80, reserved=60, allocated=20)
    assert room() == pytest.approx(0.4 * 50)


def test_each_of_several_trials_may_count_on_its_part_of_the_memory(monkeypatch):
    """The last of eight got 40 % of what the others had left, and streamed images that would have fitted."""
    rooms = []
    for others in range(8):  # each takes its part
        gpu_memory(monkeypatch, free=80 - 10 * others, total=80)
        rooms.append(room(trials=8))
    assert rooms == pytest.approx([4.0] * 8)
    gpu_memory(monkeypatch, free=2, total=80)
    assert room(trials=8) == pytest.approx(0.8), "others outside the bench have taken more"


def test_on_a_device_whose_free_memory_is_not_known_images_are_streamed(monkeypatch):
    monkeypatch.setattr(torch, "get_device_module", lambda device: types.SimpleNamespace())
    assert room() == 0


def test_images_mapped_from_a_file_take_no_memory_of_an_accelerator(make_data):
    data = DeviceImages(make_data().load("train"), CPU)
    assert data.resident
    assert data.resident_bytes == 0
