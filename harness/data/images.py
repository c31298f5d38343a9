"""The images of a trial, one set for each split: ``uint8`` arrays mapped into memory, or images decoded on access.

Shape suffixes: N images, H height, W width, C channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.data.array_files import load_array
from harness.data.photographs.encoded import EncodedImages
from harness.data.photographs.packed import PackedImages
from harness.data.photographs.store import SelectedPhotographs, WholeStore
from harness.data.streaming_images import StreamedImages
from harness.records.spec import FrozenModel
from zoo.preparation import USUAL, Preparation

SplitName = Literal["train", "val", "test"]
SAMPLE = "test-sample"
"""Beginning of the names of the index of some test images (:func:`harness.data.streaming_index.write_sample`)."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SelectedImages:
    """Images selected from an array or a streamed split, in any order."""

    images: NDArray[np.uint8] | StreamedImages
    """All images, ``[M, H, W, C]``."""
    places_N: NDArray[np.int64]
    """Indices of the selected images."""

    def __len__(self) -> int:
        return len(self.places_N)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """N, H, W and C."""
        _, height, width, channels = self.images.shape
        return len(self.places_N), height, width, channels

    @property
    def nbytes(self) -> int:
        """Size of the decoded images in bytes."""
        return math.prod(self.shape)

    def __getitem__(self, index: int | slice) -> NDArray[np.uint8]:
        if isinstance(index, slice):
            some = [self.images[int(place)] for place in self.places_N[index]]
            return np.stack(some) if some else np.empty((0, *self.shape[1:]), dtype=np.uint8)
        return np.asarray(self.images[int(self.places_N[index])])


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ImageSet:
    """The images of a split."""

    images_NHWC: NDArray[np.uint8] | StreamedImages | SelectedImages
    """Images, memory-mapped and read-only, or decoded on each access; H equals W."""
    labels_N: NDArray[np.int64]
    samples_N: NDArray[np.uint64]
    """First 8 bytes of the SHA-256 of each image's id."""
    whole: PackedImages | EncodedImages | SelectedPhotographs | None = None
    """The same images whole, for random resized crops; None: they are not kept, or ``images_NHWC`` are whole."""
    encoded_sample: Callable[[], StreamedImages] | None = None
    """Opens the files of some test images that are kept decoded; None: they come from no files, or were prepared by an
    earlier version."""

    def __len__(self) -> int:
        return len(self.labels_N)


class PreparedData(FrozenModel):
    """A prepared dataset in the cache, written as ``data.json``."""

    folder: str
    """Absolute path of its folder, with ``SPLIT-images.npy``, ``SPLIT-labels.npy`` and ``SPLIT-samples.npy`` for each
    split. Of a few test images that came encoded, ``test-sample-…`` is an index of their files."""
    fold: int | None = None
    """Number of the fold, from 1. All folds of a dataset share a folder, with the images stored once, as those of the
    split ``test``, and the indices of each split of each fold in ``fold-NUMBER-SPLIT.npy``."""
    resplit: int | None = None
    """Number of the draw of the validation split and the folds, stored in the same way in ``resplit-NUMBER-SPLIT.npy``
    or ``resplit-NUMBER-fold-NUMBER-SPLIT.npy``; None: the splits are those of every seed."""
    whole_fingerprint: str = ""
    """For a single fold: the fingerprint of all folds together."""
    streamed: bool = False
    """Whether images are not kept decoded; instead of ``SPLIT-images.npy``, there is an index of their encoded files
    (see :mod:`harness.data.streaming_index`)."""
    fingerprint: str
    """SHA-256 over the images as they are stored, labels and sample ids of all three splits: the same for every
    preparation. With folds, it covers those of all images, and the splits of each fold. In data prepared by earlier
    versions, over decoded pixels."""
    pixels: str = ""
    """Hash of the prepared images' pixels, which also depends on the decoder."""
    preparation: Preparation = USUAL
    """How images were prepared, without mean and std."""
    classes: tuple[str, ...]
    image_size: int
    channels: int
    bit_depth: int | None = None
    """Bits that the values of images with more than 8 bits per sample use; None: all."""
    mean: tuple[float, ...]
    """Mean per channel of training pixels, scaled to [0, 1]."""
    std: tuple[float, ...]
    mirror_symmetric: bool
    hierarchy: tuple[tuple[str, ...], ...] = ()
    """Names of the groups that each class belongs to, the widest first; empty if the dataset has no hierarchy. It is
    set anew whenever the data are found in the cache."""
    whole: WholeStore | None = None
    """Where the whole training images are, if trials draw random resized crops from them."""
    num_train: int
    num_val: int
    num_test: int
    notes: tuple[str, ...] = ()

    @property
    def selection(self) -> str:
        """Beginning of the names of the files with the indices of its splits; empty if images are stored by split."""
        numbers = {"resplit": self.resplit, "fold": self.fold}
        return "-".join(f"{name}-{number}" for name, number in numbers.items() if number is not None)

    @property
    def pool(self) -> PreparedData:
        """Description of all images, as those of the split ``test``, from which its own are selected."""
        return self.model_copy(update={"fold": None, "resplit": None})

    @property
    def folders(self) -> list[Path]:
        """Folders in the cache that trials read."""
        return [Path(self.folder), *([Path(self.whole.folder)] if self.whole is not None else [])]

    @property
    def num_bytes(self) -> int:
        """Size of all decoded images in bytes."""
        return (self.num_train + self.num_val + self.num_test) * self.image_size**2 * self.channels

    @property
    def view(self) -> Preparation:
        """How images were prepared, with the size, which earlier versions stated apart."""
        return replace(self.preparation, size=self.image_size)

    def load(self, split: SplitName) -> ImageSet:
        """Map a split's images into memory, or the index of their encoded files."""
        folder = Path(self.folder)
        if self.selection:
            places_N = load_array(folder / f"{self.selection}-{split}.npy")
            every = self.pool.load("test")
            assert not isinstance(every.images_NHWC, SelectedImages)
            return ImageSet(
                images_NHWC=SelectedImages(images=every.images_NHWC, places_N=places_N),
                labels_N=every.labels_N[places_N],
                samples_N=every.samples_N[places_N],
                whole=self.whole.load(places_N) if self.whole is not None and split == "train" else None,
                encoded_sample=every.encoded_sample if split == "test" else None,
            )
        images_NHWC: NDArray[np.uint8] | StreamedImages
        decoding = partial(
            StreamedImages, folder, preparation=self.view, channels=self.channels, bit_depth=self.bit_depth
        )
        has_sample = split == "test" and not self.streamed and (folder / f"{SAMPLE}-places.npy").is_file()
        if self.streamed:
            images_NHWC = decoding(split)
        else:
            images_NHWC = load_array(folder / f"{split}-images.npy", mapped=True)
        return ImageSet(
            images_NHWC=images_NHWC,
            labels_N=load_array(folder / f"{split}-labels.npy"),
            samples_N=load_array(folder / f"{split}-samples.npy"),
            whole=self.whole.load() if self.whole is not None and split == self.whole.split == "train" else None,
            encoded_sample=partial(decoding, SAMPLE) if has_sample else None,
        )


class TrialImages:
    """The images of a trial, with the test split locked until training is over.

    Every choice (the best epoch, the learning rate, when to stop) is based on ``val``. ``test`` can be opened once.
    """

    def __init__(self, prepared: PreparedData) -> None:
        self.prepared = prepared
        self.train = prepared.load("train")
        self.val = prepared.load("val")
        self._training_over = False
        self._test_opened = False

    def end_training(self) -> None:
        """End the training phase, so that the test split can be opened."""
        self._training_over = True

    def open_test(self) -> ImageSet:
        """Return the test split.

        Raises:
            RuntimeError: If training is not over, or the test split has been opened before.
        """
        if not self._training_over:
            raise RuntimeError("the test split opens after training, not before")
        if self._test_opened:
            raise RuntimeError("the test split opens once per trial")
        self._test_opened = True
        return self.prepared.load("test")


def few(images: ImageSet, count: int) -> ImageSet:
    """Return the first *count* images for measurements, labelled with all classes in turn so that none is missing."""
    classes = np.unique(images.labels_N)
    return ImageSet(
        images_NHWC=images.images_NHWC,  # as a whole: what takes memory there does so here
        labels_N=np.resize(classes, count).astype(np.int64),
        samples_N=images.samples_N[:count],
        whole=images.whole,
    )
