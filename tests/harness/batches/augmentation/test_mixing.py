"""Mixing: mixup and CutMix, and the targets that belong to them."""

from __future__ import annotations

import pytest
import torch

from harness.batches.augmentation.mixing import Mixing

CPU = torch.device("cpu")


def mixing(mixup: float, cutmix: float, num_images: int = 512, epoch: int = 1) -> Mixing:
    return Mixing(
        mixup_alpha=mixup,
        cutmix_alpha=cutmix,
        num_images=num_images,
        num_classes=512,
        seed=0,
        epoch=epoch,
        device=CPU,
    )


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.4, 0.0), (0.0, 1.0), (0.4, 1.0)])
def test_mixed_targets_are_the_shares_of_the_mixed_pixels(mixup, cutmix):
    # Image i holds i everywhere, so that a mixed image's mean is what its target expects.
    labels_B = torch.arange(512)
    images_BCHW = labels_B.float().view(-1, 1, 1, 1).expand(512, 3, 16, 16)
    mixed_BCHW, targets_BK = mixing(mixup, cutmix).apply(images_BCHW, labels_B, start=0)
    torch.testing.assert_close(targets_BK.sum(1), torch.ones(512))
    expected_B = targets_BK @ torch.arange(512.0)
    torch.testing.assert_close(mixed_BCHW.mean(dim=(1, 2, 3)), expected_B, rtol=1e-4, atol=1e-2)
    assert bool(((targets_BK > 0).sum(1) <= 2).all())


def test_mixup_keeps_a_beta_distributed_share():
    labels_B = torch.arange(512)
    _, targets_BK = mixing(0.4, 0.0).apply(torch.zeros(512, 1, 2, 2), labels_B, start=0)
    kept = targets_BK[labels_B, labels_B].numpy()
    from scipy.stats import beta, kstest

    assert kstest(kept, beta(0.4, 0.4).cdf).pvalue > 1e-4


def test_cutmix_pastes_one_box_and_mixup_none():
    labels_B = torch.arange(512)
    images_BCHW = labels_B.float().view(-1, 1, 1, 1).expand(512, 1, 16, 16)
    cut_BCHW, _ = mixing(0.0, 1.0).apply(images_BCHW, labels_B, start=0)
    for image, own in zip(cut_BCHW[:, 0], labels_B, strict=True):
        pasted = image != own
        rows, columns = pasted.any(1).sum(), pasted.any(0).sum()
        assert int(pasted.sum()) == int(rows * columns)
    blended_BCHW, _ = mixing(1.0, 0.0).apply(images_BCHW, labels_B, start=0)
    assert bool((blended_BCHW.flatten(1).amax(1) == blended_BCHW.flatten(1).amin(1)).all())


def test_pasted_shares_are_distributed_as_torchvisions():
    from scipy.stats import ks_2samp
    from torchvision.transforms.v2 import CutMix

    labels_B = torch.arange(512)
    _, targets_BK = mixing(0.0, 1.0).apply(torch.zeros(512, 1, 32, 32), labels_B, start=0)
    torch.manual_seed(0)
    cutmix, pair = CutMix(num_classes=2, alpha=1.0), (torch.zeros(2, 1, 32, 32), torch.tensor([0, 1]))
    theirs = [float(cutmix(*pair)[1][0, 0]) for _ in range(512)]  # it draws once a batch
    assert ks_2samp(targets_BK[labels_B, labels_B].numpy(), theirs).pvalue > 1e-4


def test_both_mix_half_of_the_images_each():
    labels_B = torch.arange(512)
    images_BCHW = labels_B.float().view(-1, 1, 1, 1).expand(512, 1, 16, 16)
    mixed_BCHW, _ = mixing(1.0, 1.0).apply(images_BCHW, labels_B, start=0)
    is_box_B = torch.tensor([len(image.unique()) == 2 for image in mixed_BCHW])
    # Some boxes cover nothing or all: a little under a half.
    assert 0.38 < float(is_box_B.float().mean()) < 0.6


def test_a_batch_gets_its_own_part_of_the_epochs_draws():
    labels_B = torch.arange(8)
    images_BCHW = torch.rand(8, 1, 4, 4)
    draws = mixing(0.4, 0.0, num_images=16)
    first, _ = draws.apply(images_BCHW, labels_B, start=0)
    second, _ = draws.apply(images_BCHW, labels_B, start=8)
    assert not torch.equal(first, second)
    again, _ = mixing(0.4, 0.0, num_images=16).apply(images_BCHW, labels_B, start=8)
    assert torch.equal(second, again)


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_mixed_images_keep_their_memory_format(monkeypatch, batch):
    """On a GPU, ``roll`` returns contiguous memory, and every layer would convert it."""
    mixing = Mixing(mixup_alpha=1.0, cutmix_alpha=0.0, num_images=batch, num_classes=3, seed=0, epoch=1, device=CPU)
    images_BCHW = torch.rand(batch, 3, 4, 6).contiguous(memory_format=torch.channels_last)
    labels_B = torch.arange(batch) % 3
    real = torch.Tensor.roll
    rolled = lambda values, *where: real(values, *where).contiguous()  # noqa: E731  # as on a GPU
    monkeypatch.setattr(torch.Tensor, "roll", rolled)
    mixed_BCHW, targets_BK = mixing.apply(images_BCHW, labels_B, start=0)
    assert mixed_BCHW.is_contiguous(memory_format=torch.channels_last)
    keep_B = mixing._keep_N.view(-1, 1, 1, 1)
    expected_BCHW = keep_B * images_BCHW + (1 - keep_B) * real(images_BCHW, 1, 0)
    torch.testing.assert_close(mixed_BCHW, expected_BCHW)
    torch.testing.assert_close(targets_BK.sum(dim=1), torch.ones(batch))
