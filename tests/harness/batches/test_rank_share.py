"""Batch share: which images of a batch are loaded, and which of those are learnt from."""

from __future__ import annotations

import torch

from harness.batches.rank_share import BatchShare

CPU = torch.device("cpu")


def share(rows, *, with_neighbours=False, whole=False):
    return BatchShare.of(rows, batch=6, with_neighbours=with_neighbours, whole=whole, device=CPU)


def test_only_what_is_learnt_from_is_loaded():
    own = share([4, 1])
    assert own.loaded_L.tolist() == [1, 4]
    assert own.own(torch.tensor([10, 40])).tolist() == [40, 10]
    assert own.neighbours_B is None


def test_mixing_also_loads_the_image_before_each_and_the_last_before_the_first():
    own = share([0, 3, 4], with_neighbours=True)
    assert own.loaded_L.tolist() == [0, 2, 3, 4, 5]
    loaded = own.loaded_L * 10
    assert own.own(loaded).tolist() == [0, 30, 40]
    assert own.neighbours(loaded).tolist() == [50, 20, 30]


def test_a_whole_batch_is_loaded_where_it_must_be():
    own = share([5, 2], whole=True)
    assert own.loaded_L.tolist() == [0, 1, 2, 3, 4, 5]
    assert own.own(own.loaded_L).tolist() == [5, 2]


def test_images_keep_their_memory_layout():
    images_LCHW = torch.rand(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    own_BCHW = share([4, 1]).own(images_LCHW)
    assert torch.equal(own_BCHW, images_LCHW[[1, 0]])
    assert own_BCHW.is_contiguous(memory_format=torch.channels_last)
