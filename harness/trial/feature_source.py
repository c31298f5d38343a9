"""Feature source: the features of a trial's images, from the cache or computed in one pass over each split.

Shape suffixes: N images, D features, B batch, C channels, H height, W width.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.batches.forward_settings import ForwardSettings
from harness.data.cache.feature_files import FeatureFolder
from harness.data.images import ImageSet, PreparedData, SelectedImages, SplitName
from harness.networks.backbones import Backbone
from harness.records.spec import TrialSpec
from harness.training.evaluation import predict_logits


def feature_folder(spec: TrialSpec, prepared: PreparedData, settings: ForwardSettings, weights: str) -> FeatureFolder:
    """Return the folder in the cache for the features of a resolved *spec*.

    Args:
        weights: Hash of the backbone's tensors (see :func:`harness.networks.backbones.hash_of_weights`).
    """
    architecture = spec.architecture
    return FeatureFolder(
        f"{architecture.display_name}-{spec.dataset.display_name.partition(':')[0]}",
        {
            "weights": weights,
            "architecture": [architecture.full_name, architecture.version, architecture.provider.code_hash],
            "options": architecture.options,
            "small_images": spec.execution.small_images,
            "data": [prepared.whole_fingerprint or prepared.fingerprint, prepared.pixels],
            "preparation": asdict(prepared.view),
            "channels": prepared.channels,
            "normalization": [list(settings.normalization.mean), list(settings.normalization.std)],
            "precision": settings.precision,
            "device": settings.device.type,
            "torch": ".".join(torch.__version__.split("+")[0].split(".")[:2]),
        },
    )


class FeatureSource:
    """The features of the images of a trial.

    Args:
        backbone: The network without its head, which is moved to the device when it is first needed.
        settings: How it runs.
        folder: Where features are kept.
        give_way: Called between batches.
    """

    def __init__(
        self,
        backbone: Backbone,
        prepared: PreparedData,
        settings: ForwardSettings,
        folder: FeatureFolder,
        *,
        give_way: Callable[[], Any] = lambda: None,
    ) -> None:
        self._backbone, self._prepared, self._settings = backbone, prepared, settings
        self._folder, self._give_way = folder, give_way
        self.num_computed = 0
        """How many images have been run through the backbone."""
        self.seconds = 0.0
        """How long that took, data path included."""

    def of(self, split: SplitName, images: ImageSet) -> NDArray[np.float32]:
        """Return the features ``[N, D]`` of a split. With folds, those of all images are computed at once.

        Raises:
            TrialError: As :func:`harness.training.evaluation.predict_logits`.
        """
        if self._prepared.fold is None:
            return self._stored(split, images)
        assert isinstance(images.images_NHWC, SelectedImages), "those of a fold are selected from all"
        every = self._prepared.model_copy(update={"fold": None}).load("test")
        return self._stored("all", every)[images.images_NHWC.places_N]

    def _stored(self, name: str, images: ImageSet) -> NDArray[np.float32]:
        found = self._folder.read(name, num_images=len(images))
        if found is not None:
            return found
        with self._folder.locked():
            # Another process may have computed them meanwhile.
            found = self._folder.read(name, num_images=len(images))
            if found is None:
                found = self._compute(images)
                self._folder.write(name, found)
        return found

    def _compute(self, images: ImageSet) -> NDArray[np.float32]:
        self._settings.place(self._backbone.pooled)
        start = time.perf_counter()

        def features_of(pooled: nn.Module, images_BCHW: Tensor) -> Tensor:
            self._give_way()
            features_BD: Tensor = pooled(images_BCHW)
            return features_BD

        features_ND = predict_logits(
            self._backbone.pooled, images, self._settings, predict=features_of, what="features"
        )
        self.num_computed += len(images)
        self.seconds += time.perf_counter() - start
        return features_ND.numpy()
