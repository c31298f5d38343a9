"""Feature batches: the same images in the same order as batches of images, and the judgement of a head."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional

from harness.batches.epoch_batches import EpochBatches
from harness.batches.forward_settings import ForwardSettings
from harness.batches.normalization import Normalization
from harness.data.images import PreparedData, TrialImages
from harness.faults.errors import TrialError
from harness.training.feature_batches import FeatureBatches, LinearHead, TrialFeatures
from zoo.hyperparameters import Hyperparameters
from zoo.recipe import Recipe

MakeData = Callable[..., PreparedData]


def features_of(prepared: PreparedData) -> tuple[TrialImages, TrialFeatures]:
    """Return images, and their mean pixels as features."""
    images = TrialImages(prepared)
    train_ND, val_ND = (
        torch.from_numpy(each.images_NHWC[:].copy()).float().mean(dim=(1, 2)) / 255
        for each in (images.train, images.val)
    )
    val_labels_N = torch.from_numpy(images.val.labels_N.copy())
    return images, TrialFeatures(
        prepared=prepared, train=images.train, train_ND=train_ND, val_ND=val_ND, val_labels_N=val_labels_N
    )


@pytest.mark.parametrize("sampling", ["shuffle", "balanced"])
def test_batches_hold_the_features_of_the_images_that_batches_of_images_hold(
    make_data: MakeData, sampling: str
) -> None:
    images, features = features_of(make_data(num_train=50))
    hp = Hyperparameters(batch_size=16, sampling=sampling)
    settings = ForwardSettings(
        device=torch.device("cpu"), normalization=Normalization(mean=(0.0,) * 3, std=(1.0,) * 3), precision="fp32"
    )
    recipe = Recipe(name="plain", hyperparameters=Hyperparameters)
    of_images = EpochBatches(images.train, recipe, hp, prepared=images.prepared, seed=3, settings=settings)
    of_features = FeatureBatches(features, hp, seed=3)
    assert (of_features.sizes, of_features.num_images) == (of_images.sizes, of_images.num_images)
    torch.testing.assert_close(of_features.some(20), of_images.some(20).mean(dim=(2, 3)))
    for epoch in (1, 2):
        pairs = list(zip(of_features.of_epoch(epoch), of_images.of_epoch(epoch), strict=True))
        assert len(pairs) == len(of_images.sizes)
        for (features_BD, targets_B, labels_B), (images_BCHW, _, expected_B) in pairs:
            torch.testing.assert_close(features_BD, images_BCHW.mean(dim=(2, 3)))
            assert targets_B.tolist() == labels_B.tolist() == expected_B.tolist()


def test_a_head_is_judged_on_the_validation_images(make_data: MakeData) -> None:
    images, features = features_of(make_data(num_train=50))
    head = LinearHead(nn.Linear(3, len(images.prepared.classes)))
    judged = features.evaluate(head)
    logits_NK = head(features.val_ND).detach()
    assert judged.loss == pytest.approx(functional.cross_entropy(logits_NK, features.val_labels_N).item(), rel=1e-5)
    assert judged.accuracy == pytest.approx((logits_NK.argmax(1) == features.val_labels_N).float().mean().item())
    with pytest.raises(TrialError, match=r"returned float32 \[\d+, 2\], not floating-point logits"):
        features.evaluate(nn.Linear(3, 2))
