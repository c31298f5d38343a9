"""Datasets: labelled images in splits, as arrays or still encoded.

Shape suffixes: N images, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.dependencies import check_dependencies
from zoo.hierarchy import ClassHierarchy
from zoo.names import check_name
from zoo.options import Option, check_options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class DataRequest:
    """Where and how to look for a dataset."""

    root: Path
    """The data root: a dataset looks here first, and downloads to here."""
    argument: str = ""
    """What followed the colon in ``folder:PATH``; empty if the dataset takes none."""
    options: Mapping[str, Option] = field(default_factory=dict)
    """Value of each option of the dataset."""
    download: bool = True
    """Whether the network may be used."""
    report: Callable[[str, float | None], None] = lambda message, share: None
    """Reports progress to the user: a sentence, and the share done in [0, 1]; None: unknown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FilePart:
    """An image file that is stored within a larger file, such as a member of a tar file.

    Raises:
        ValueError: If start or size is negative.
    """

    path: Path
    start: int
    """Offset of its first byte in that file."""
    size: int
    """Size of the part in bytes."""

    def __post_init__(self) -> None:
        if self.start < 0 or self.size < 0:
            raise ValueError(
                f"a part of a file starts at {self.start} and has {self.size} bytes: neither may be negative"
            )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Split:
    """Labelled images of one split, in a fixed order.

    Exactly one of ``images`` and ``encoded`` is given. Encoded images are decoded, turned upright,
    converted to the required channels and resized by the harness, in the same way for all datasets; a dataset
    only has to find them.

    Raises:
        ValueError: If lengths, types or ranges do not fit.
    """

    labels: NDArray[np.int64]
    """Labels ``[N]`` in ``[0, K)``."""
    images: NDArray[np.uint8] | None = None
    """Pixels ``[N, H, W, C]`` with 1 or 3 channels; may be memory-mapped."""
    encoded: Sequence[bytes | Path | FilePart] | None = None
    """N image files (JPEG, PNG, WebP, BMP, GIF, TIFF …), as bytes, paths, or parts of files; may be lazy."""
    ids: Sequence[str] | None = None
    """N stable names of the images, such as paths relative to the dataset, unique over all its splits; None:
    the name of the split and their indices."""
    groups: Sequence[str] | None = None
    """N names of groups (a patient, a plant) whose images must stay in one split."""
    slices: Sequence[str] | None = None
    """N names of slices, such as the site or the weather of each image, on which a network can be judged apart; empty
    for an image in none."""
    file_names: Sequence[str] | None = None
    """N names of the images' files where ids are others, as in a table of encoded images; predictions made elsewhere
    may go by them. Empty for an image without one."""
    is_in_published_order: bool = True
    """Whether the number of an image in the split is the one that it was published with. If not, predictions whose ids
    are numbers cannot be told apart, and are refused."""
    signature: str = ""
    """Text that changes whenever the images change, if that is cheaper than reading them: a hash of the paths,
    sizes and times of the few files that hold them. Empty: the harness derives one from file times or content."""

    def __post_init__(self) -> None:
        if (self.images is None) == (self.encoded is None):
            raise ValueError("a split must have either images or encoded, not both")
        if getattr(self.labels, "ndim", None) != 1 or self.labels.dtype.kind not in "iu":
            raise ValueError("labels must be a one-dimensional array of integers")
        if self.images is not None:
            if self.images.ndim != 4 or self.images.dtype.name != "uint8":
                raise ValueError(
                    f"images must be uint8 [N, H, W, C], got {self.images.dtype.name} {list(self.images.shape)}"
                )
            if self.images.shape[3] not in (1, 3):
                raise ValueError(f"images must have 1 or 3 channels, got {self.images.shape[3]}")
        for what, values in (
            ("images", self.images),
            ("encoded", self.encoded),
            ("ids", self.ids),
            ("groups", self.groups),
            ("slices", self.slices),
            ("file names", self.file_names),
        ):
            if values is not None and len(values) != len(self.labels):
                raise ValueError(f"{len(values)} {what} for {len(self.labels)} labels")

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Splits:
    """The splits of a dataset.

    If ``test`` is missing, the harness takes one from ``train``; if ``val`` is missing, it then takes one from the
    rest. A note reports both. ``test`` is never used to choose anything.
    """

    classes: tuple[str, ...]
    """Class names; label k is ``classes[k]``."""
    train: Split
    val: Split | None = None
    test: Split | None = None
    notes: tuple[str, ...] = ()
    """Sentences about how the images were found, for readers of the scores."""
    omissions: tuple[str, ...] = ()
    """Sentences about images that were left out for a reason that the user can remove. ``zoo data check`` counts each
    as a problem; elsewhere they are notes."""
    hierarchy: ClassHierarchy | None = None
    """Groups that classes belong to, for metrics that ask for them; records keep it. It changes no split and no key."""

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise ValueError(f"a classification dataset has at least 2 classes, got {len(self.classes)}")
        if self.hierarchy is not None and self.hierarchy.classes != tuple(self.classes):
            raise ValueError("the hierarchy must be of the same classes, in the same order")
        for name in ("train", "val", "test"):
            split = getattr(self, name)
            if split is None:
                continue
            if len(split) == 0:
                raise ValueError(f"the {name} split is empty")
            low, high = int(split.labels.min()), int(split.labels.max())
            if low < 0 or high >= len(self.classes):
                raise ValueError(
                    f"labels of the {name} split run from {low} to {high}, but there are {len(self.classes)} classes"
                )


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """A dataset that can be selected by name, or a kind of dataset (``folder:PATH``)."""

    name: str
    """Name within its namespace: ``cifar10``."""
    load: Callable[[DataRequest], Splits]
    """Returns the images. If they are missing, it raises :class:`zoo.errors.DataError` with one sentence that says
    which files to put where."""
    summary: str = ""
    """One line that ``zoo list`` shows."""
    source: str = ""
    """Paper or page that describes it."""
    namespace: str = ""
    """First half of its full name; empty: the name of the plugin."""
    short: bool = True
    """Whether it can be selected by ``name`` alone."""
    version: str = ""
    """Version of the library that defines it, if that is not the plugin itself."""
    argument: str = ""
    """Name of the argument that follows a colon, in capitals (``PATH``); empty if the dataset takes none."""
    num_classes: int | None = None
    """Number of classes, if known beforehand."""
    channels: int | None = None
    """1 for grey, 3 for colour, if known beforehand."""
    image_size: int | None = None
    """Side in pixels that images have, or are usually prepared as, if known beforehand."""
    num_train: int | None = None
    """Number of training images, if known beforehand."""
    num_test: int | None = None
    """Number of test images, if known beforehand."""
    mirror_symmetric: bool = True
    """Whether a mirrored image keeps its label; False for digits and letters, which are then never flipped."""
    collections: tuple[str, ...] = ()
    """Collections that its test images come from, by the names of :mod:`zoo.pretraining`, to tell whether published
    weights have seen them; empty: unknown."""
    options: Mapping[str, Option] = field(default_factory=dict)
    """Names and defaults of the options that ``--set data.NAME=VALUE`` changes, in addition to ``image_size`` and
    ``bit_depth``, which every dataset has."""
    files: tuple[str, ...] = ()
    """Data files or folders that its code reads, relative to the plugin's file, such as a table of labels; changed
    content prepares the images again. The images themselves count by their content."""
    libraries: tuple[str, ...] = ()
    """Distributions that it needs beyond those of zoo; selecting it where one is not installed is an error that names
    the extra. Their versions are recorded."""
    preload: tuple[str, ...] = ()
    """Modules to import once before trials fork."""

    def __post_init__(self) -> None:
        check_name(self.name, "dataset name")
        if self.namespace:
            check_name(self.namespace, "namespace")
        if not callable(self.load):
            raise ValueError(f"dataset {self.name!r}: load must be callable")
        check_options(self.options, f"dataset {self.name!r}")
        check_dependencies(self.files, self.libraries, f"dataset {self.name!r}")
