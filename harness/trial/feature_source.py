"""Feature source: the features of a trial's images, from the cache or computed in one pass over each split.

Shape suffixes: N images, D features, B batch, C channels, H height, W width.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.batches.device_images import epoch_order
from harness.batches.epoch_batches import EpochBatches
from harness.batches.forward_settings import ForwardSettings
from harness.data.cache.feature_files import VIEW_SUFFIX, FeatureFolder
from harness.data.images import ImageSet, PreparedData, SelectedImages, SplitName
from harness.faults.errors import TrialError
from harness.networks.backbones import HEAD, Backbone
from harness.records.record import FailureKind
from harness.records.spec import TrialSpec
from harness.training.evaluation import batch_size_for, checked_logits, eval_mode, predict_logits
from harness.training.precision import computing
from zoo.hyperparameters import Hyperparameters
from zoo.recipe import Recipe


def feature_folder(spec: TrialSpec, prepared: PreparedData, settings: ForwardSettings, weights: str) -> FeatureFolder:
    """Return the folder in the cache for the features of a resolved *spec*.

    Args:
        weights: Hash of the backbone's tensors (see :func:`harness.networks.backbones.hash_of_weights`).
    """
    architecture, layer = spec.architecture, spec.recipe.hyperparameters.get("layer", HEAD)
    return FeatureFolder(
        f"{architecture.display_name}-{spec.dataset.display_name.partition(':')[0]}",
        {
            "weights": weights,
            "architecture": [architecture.full_name, architecture.version, architecture.provider.code_hash],
            "options": architecture.options,
            **({} if layer == HEAD else {"layer": layer}),
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


_AUGMENTING = Recipe(name="views", hyperparameters=Hyperparameters)
_SMALLEST_AREA = 0.5
"""Smallest share of the area that a view shows; a quarter or less, as in training, often misses the object."""


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
        """Return the features ``[N, D]`` of a split. With folds or draws, those of all images are computed at once.

        Raises:
            TrialError: As :func:`harness.training.evaluation.predict_logits`.
        """
        return self._whole_or_fold(split, images)

    def of_view(self, number: int, images: ImageSet) -> NDArray[np.float32]:
        """Return the features ``[N, D]`` of augmented training images: randomly cropped and mirrored.

        Args:
            number: Number of the view, from 2, which alone chooses the crops, so that all seeds share them.

        Raises:
            TrialError: As :func:`harness.training.evaluation.predict_logits`.
        """
        return self._whole_or_fold("train", images, view=number)

    def _whole_or_fold(self, split: SplitName, images: ImageSet, *, view: int = 1) -> NDArray[np.float32]:
        suffix = "" if view == 1 else f"{VIEW_SUFFIX}{view}"
        if not self._prepared.selection:
            return self._stored(f"{split}{suffix}", images, view=view)
        assert isinstance(images.images_NHWC, SelectedImages), "they are selected from all"
        every = self._prepared.pool.load("test")
        return self._stored(f"all{suffix}", every, view=view)[images.images_NHWC.places_N]

    def _stored(self, name: str, images: ImageSet, *, view: int) -> NDArray[np.float32]:
        found = self._folder.read(name, num_images=len(images))
        if found is not None:
            return found
        with self._folder.locked():
            # Another process may have computed them meanwhile.
            found = self._folder.read(name, num_images=len(images))
            if found is None:
                found = self._compute(images) if view == 1 else self._compute_view(images, view)
                self._folder.write(name, found)
        return found

    def _compute_view(self, images: ImageSet, view: int) -> NDArray[np.float32]:
        self._settings.place(self._backbone.pooled)
        began = time.perf_counter()
        pooled, device = self._backbone.pooled, self._settings.device
        size = batch_size_for(self._prepared.image_size, self._prepared.image_size, device)
        batches = EpochBatches(
            replace(images, whole=None),  # whole images are only at hand if another recipe asks for them
            _AUGMENTING,
            Hyperparameters(batch_size=size, random_resized_crop=_SMALLEST_AREA, flip=True),
            prepared=self._prepared,
            seed=0,
            settings=self._settings,
        )
        order_N = epoch_order(images.labels_N, "shuffle", seed=0, epoch=view)
        parts = []
        with eval_mode(pooled), torch.inference_mode(), computing(device, self._settings.precision):
            for images_BCHW, *_ in batches.of_epoch(view):
                self._give_way()
                output = checked_logits(pooled(images_BCHW), len(images_BCHW), None, what="features")
                parts.append(output.float().cpu())
        features_ND = torch.cat(parts).numpy()
        self.num_computed += len(images)
        self.seconds += time.perf_counter() - began
        in_order_ND = np.empty_like(features_ND)
        in_order_ND[order_N.numpy()] = features_ND
        if not np.isfinite(in_order_ND).all():
            raise TrialError(FailureKind.DIVERGED, "the features of augmented images are not finite")
        return in_order_ND

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
