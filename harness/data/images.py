"""The images of a trial, one set for each split: ``uint8`` arrays mapped into memory, or images decoded on access.

Shape suffixes: N images, H height, W width, C channels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.data.streaming_images import StreamedImages
from harness.records.spec import FrozenModel

SplitName = Literal["train", "val", "test"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SelectedImages:
    """Some images of an array, or of a split that is decoded on access, in an order of their own."""

    images: NDArray[np.uint8] | StreamedImages
    """``[M, H, W, C]``: all of them."""
    places_N: NDArray[np.int64]
    """Which of them."""

    def __len__(self) -> int:
        return len(self.places_N)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """N, H, W and C."""
        _, height, width, channels = self.images.shape
        return len(self.places_N), height, width, channels

    @property
    def nbytes(self) -> int:
        """Size of the decoded images."""
        return math.prod(self.shape)

    def __getitem__(self, index: int | slice) -> NDArray[np.uint8]:
        if isinstance(index, slice):
            some = [self.images[int(place)] for place in self.places_N[index]]
            return np.stack(some) if some else np.empty((0, *self.shape[1:]), dtype=np.uint8)
        return np.asarray(self.images[int(self.places_N[index])])


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ImageSet:
    """The images of one split."""

    images_NHWC: NDArray[np.uint8] | StreamedImages | SelectedImages
    """Memory-mapped and read-only, or decoded whenever they are asked for; H equals W."""
    labels_N: NDArray[np.int64]
    samples_N: NDArray[np.uint64]
    """First 8 bytes of the SHA-256 of each image's id."""

    def __len__(self) -> int:
        return len(self.labels_N)


class PreparedData(FrozenModel):
    """A dataset in the cache, split and ready. Written there as ``data.json``."""

    folder: str
    """Absolute path of its folder, which holds ``SPLIT-images.npy``, ``SPLIT-labels.npy`` and
    ``SPLIT-samples.npy`` for each split."""
    fold: int | None = None
    """Which fold this is, from 1. All folds of a dataset share a folder, which holds the images once, as those of the
    split ``test``, and ``fold-NUMBER-SPLIT.npy``: the indices of each split of each fold."""
    whole_fingerprint: str = ""
    """Where this is one fold: the fingerprint of all folds together."""
    streamed: bool = False
    """Whether its images are not kept decoded: in place of ``SPLIT-images.npy`` there is an index of their encoded
    files (see :mod:`harness.data.streaming_index`)."""
    fingerprint: str
    """SHA-256 over decoded pixels, labels and sample ids of all three splits; where there are folds, over those of all
    images, and which of them each fold tests, validates and trains on."""
    classes: tuple[str, ...]
    image_size: int
    channels: int
    mean: tuple[float, ...]
    """Per channel, of training pixels scaled to [0, 1]."""
    std: tuple[float, ...]
    mirror_symmetric: bool
    num_train: int
    num_val: int
    num_test: int
    notes: tuple[str, ...] = ()

    @property
    def num_bytes(self) -> int:
        """Size of all images, decoded."""
        return (self.num_train + self.num_val + self.num_test) * self.image_size**2 * self.channels

    def load(self, split: SplitName) -> ImageSet:
        """Map a split's images into memory, or the index of their encoded files."""
        folder = Path(self.folder)
        if self.fold is not None:
            places_N = np.load(folder / f"fold-{self.fold}-{split}.npy", allow_pickle=False)
            every = self.model_copy(update={"fold": None}).load("test")
            assert not isinstance(every.images_NHWC, SelectedImages)
            return ImageSet(
                images_NHWC=SelectedImages(images=every.images_NHWC, places_N=places_N),
                labels_N=every.labels_N[places_N],
                samples_N=every.samples_N[places_N],
            )
        images_NHWC: NDArray[np.uint8] | StreamedImages
        if self.streamed:
            images_NHWC = StreamedImages(folder, split, size=self.image_size, channels=self.channels)
        else:
            images_NHWC = np.load(folder / f"{split}-images.npy", mmap_mode="r", allow_pickle=False)
        return ImageSet(
            images_NHWC=images_NHWC,
            labels_N=np.load(folder / f"{split}-labels.npy", allow_pickle=False),
            samples_N=np.load(folder / f"{split}-samples.npy", allow_pickle=False),
        )


class TrialImages:
    """The images of one trial, with the test split locked until training is over.

    Every choice (an epoch, a learning rate, when to stop) is made on ``val``. ``test`` opens once.
    """

    def __init__(self, prepared: PreparedData) -> None:
        self.prepared = prepared
        self.train = prepared.load("train")
        self.val = prepared.load("val")
        self._training_over = False
        self._test_opened = False

    def end_training(self) -> None:
        """End the phase in which things are chosen: the test split may now be opened."""
        self._training_over = True

    def open_test(self) -> ImageSet:
        """Return the test split.

        Raises:
            RuntimeError: While training goes on, or at a second opening.
        """
        if not self._training_over:
            raise RuntimeError("the test split opens after training, not before")
        if self._test_opened:
            raise RuntimeError("the test split opens once per trial")
        self._test_opened = True
        return self.prepared.load("test")
