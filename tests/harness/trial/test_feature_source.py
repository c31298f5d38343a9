"""The source of features: each split is computed once, and with folds all images together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.batches.forward_settings import ForwardSettings
from harness.data.cache.feature_files import FeatureFolder
from harness.data.images import PreparedData
from harness.faults.errors import TrialError
from harness.networks.backbones import take_head
from harness.trial.feature_source import FeatureSource


@pytest.fixture
def make_source(
    make_net: Callable[..., torch.nn.Module], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., FeatureSource]:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))

    def make(data: PreparedData, give_way: Callable[[], object] = lambda: None) -> FeatureSource:
        settings = ForwardSettings(device=torch.device("cpu"), normalization=data)
        return FeatureSource(take_head(make_net()), data, settings, FeatureFolder("net-set", {}), give_way=give_way)

    return make


def test_each_split_is_computed_once(
    make_source: Callable[..., FeatureSource], make_data: Callable[..., PreparedData]
) -> None:
    data, calls = make_data(), []
    source = make_source(data, lambda: calls.append(1))
    first = source.of("train", data.load("train"))
    assert (first.shape, source.num_computed, len(calls) > 0) == ((64, 128), 64, True)
    np.testing.assert_array_equal(source.of("train", data.load("train")), first)
    assert source.num_computed == 64
    another = make_source(data)
    np.testing.assert_array_equal(another.of("train", data.load("train")), first)
    assert another.num_computed == 0
    assert another.of("val", data.load("val")).shape == (32, 128)


def test_with_folds_all_images_are_computed_once(
    make_source: Callable[..., FeatureSource], make_data: Callable[..., PreparedData]
) -> None:
    data = make_data()
    every = data.load("test")
    for fold in (1, 2):
        parts = np.split(np.random.default_rng(fold).permutation(32), [16, 24])
        for split, places in zip(("train", "val", "test"), parts, strict=True):
            np.save(Path(data.folder) / f"fold-{fold}-{split}.npy", places)
    whole = make_source(data)._compute(every)
    counts = []
    for fold in (1, 2):
        folded = data.model_copy(update={"fold": fold})
        source = make_source(folded)
        for split in ("train", "val", "test"):
            images = folded.load(split)
            places = np.load(Path(data.folder) / f"fold-{fold}-{split}.npy")
            np.testing.assert_array_equal(source.of(split, images), whole[places])
        counts.append(source.num_computed)
    assert counts == [32, 0]


def test_features_that_are_not_finite_are_a_divergence(
    make_source: Callable[..., FeatureSource], make_data: Callable[..., PreparedData]
) -> None:
    data = make_data()
    source = make_source(data)
    with torch.no_grad():
        source._backbone.network.conv.weight.fill_(torch.nan)
    with pytest.raises(TrialError, match="the features of 64 of 64 images are not finite"):
        source.of("train", data.load("train"))
