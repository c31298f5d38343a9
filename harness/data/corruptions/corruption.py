"""Corruptions: what one is, all of them by name, and the corrupted images.

Names, effects and parameters are those of Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common
Corruptions and Perturbations", ICLR 2019. Their parameters come in two tables, because a blur of 3 pixels means
something else at 32 pixels than at 224: that of CIFAR-10-C serves sides up to 64 pixels, that of ImageNet-C larger
ones. The corruptions that need pictures of frost, or a library for snow and spatter, are left out.

An image's random numbers depend on its sample id, the corruption and the severity, so that they are the same for every
network and whatever else is in the batch. Pixels need not equal those of the published files, which were made with
other libraries and one sequence of random numbers.
Shape suffixes: N images, H height, W width, C channels.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.random import Generator, Philox
from numpy.typing import NDArray

from harness.data.corruptions import blurs, noise, shapes, storage, tones
from zoo.errors import UnknownNameError
from zoo.names import near_names

VERSION = 1
"""Incremented whenever a corruption gives other pixels for the same image."""

SEVERITIES = (1, 2, 3, 4, 5)
LARGEST_SMALL_SIDE = 64
"""Side in pixels up to which the parameters of CIFAR-10-C are used."""

TableName = Literal["CIFAR-10-C", "ImageNet-C"]
Images = NDArray[np.float64]
Apply = Callable[..., Images]
"""``(images_NHWC, generators_N, *parameters)``: returns corrupted images; values are in [0, 1] before, and clipped to
that range after."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Corruption:
    """A corruption with its parameters at each severity."""

    name: str
    family: Literal["noise", "blur", "weather", "digital"]
    apply: Apply
    small: Sequence[tuple[Any, ...]]
    """Parameters of CIFAR-10-C, by severity."""
    large: Sequence[tuple[Any, ...]]
    """Parameters of ImageNet-C, by severity."""
    needs_colour: bool = False
    """Whether it is undefined for grey images."""

    def parameters(self, side: int, severity: int) -> tuple[Any, ...]:
        """Return the parameters for images with sides of *side* pixels."""
        return tuple((self.small if table_for(side) == "CIFAR-10-C" else self.large)[severity - 1])


def table_for(side: int) -> TableName:
    """Return the name of the published data whose parameters fit images with sides of *side* pixels."""
    return "CIFAR-10-C" if side <= LARGEST_SMALL_SIDE else "ImageNet-C"


def corrupt(
    images_NHWC: NDArray[np.uint8], samples_N: NDArray[np.uint64], corruption: Corruption, severity: int
) -> NDArray[np.uint8]:
    """Return corrupted images; those of severity 0 are the images themselves.

    Args:
        images_NHWC: Square images.
        samples_N: Hashed ids of the images, from which their random numbers derive.
        corruption: What to do to them.
        severity: From 0 to 5.
    """
    if severity == 0:
        return images_NHWC
    seed = zlib.crc32(f"{corruption.name}/{severity}".encode())
    generators = [Generator(Philox(key=np.array([sample, seed], dtype=np.uint64))) for sample in samples_N]
    parameters = corruption.parameters(images_NHWC.shape[1], severity)
    found_NHWC = corruption.apply(images_NHWC / 255.0, generators, *parameters)
    # Truncated, not rounded, as in the published data.
    return (np.clip(found_NHWC, 0, 1) * 255).astype(np.uint8)


def find_corruption(name: str) -> Corruption:
    """Return a corruption by its name.

    Raises:
        UnknownNameError: If there is none.
    """
    if name not in CORRUPTIONS:
        known = ["all", *CORRUPTIONS]
        raise UnknownNameError(
            "corruption", name, near=near_names(name, known), hint=f"(all, or {', '.join(known[1:])})"
        )
    return CORRUPTIONS[name]


def _each(*values: Any) -> list[tuple[Any]]:
    return [(value,) for value in values]


_ALL = (
    Corruption(
        name="gaussian_noise",
        family="noise",
        apply=noise.gaussian_noise,
        small=_each(0.04, 0.06, 0.08, 0.09, 0.10),
        large=_each(0.08, 0.12, 0.18, 0.26, 0.38),
    ),
    Corruption(
        name="shot_noise",
        family="noise",
        apply=noise.shot_noise,
        small=_each(500, 250, 100, 75, 50),
        large=_each(60, 25, 12, 5, 3),
    ),
    Corruption(
        name="impulse_noise",
        family="noise",
        apply=noise.impulse_noise,
        small=_each(0.01, 0.02, 0.03, 0.05, 0.07),
        large=_each(0.03, 0.06, 0.09, 0.17, 0.27),
    ),
    Corruption(
        name="speckle_noise",
        family="noise",
        apply=noise.speckle_noise,
        small=_each(0.06, 0.1, 0.12, 0.16, 0.2),
        large=_each(0.15, 0.2, 0.35, 0.45, 0.6),
    ),
    Corruption(
        name="defocus_blur",
        family="blur",
        apply=blurs.defocus_blur,
        small=[(0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)],
        large=[(3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)],
    ),
    Corruption(
        name="gaussian_blur",
        family="blur",
        apply=blurs.gaussian_blur,
        small=_each(0.4, 0.6, 0.7, 0.8, 1),
        large=_each(1, 2, 3, 4, 6),
    ),
    Corruption(
        name="glass_blur",
        family="blur",
        apply=blurs.glass_blur,
        small=[(0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)],
        large=[(0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)],
    ),
    Corruption(
        name="motion_blur",
        family="blur",
        apply=blurs.motion_blur,
        small=[(6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)],
        large=[(10, 3), (15, 5), (15, 8), (15, 12), (20, 15)],
    ),
    Corruption(
        name="zoom_blur",
        family="blur",
        apply=blurs.zoom_blur,
        small=[(1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01)],
        large=[(1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)],
    ),
    Corruption(
        name="fog",
        family="weather",
        apply=shapes.fog,
        small=[(0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)],
        large=[(1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)],
    ),
    Corruption(
        name="brightness",
        family="weather",
        apply=tones.brightness,
        small=_each(0.05, 0.1, 0.15, 0.2, 0.3),
        large=_each(0.1, 0.2, 0.3, 0.4, 0.5),
    ),
    Corruption(
        name="contrast",
        family="digital",
        apply=tones.contrast,
        small=_each(0.75, 0.5, 0.4, 0.3, 0.15),
        large=_each(0.4, 0.3, 0.2, 0.1, 0.05),
    ),
    Corruption(
        name="saturate",
        family="digital",
        apply=tones.saturate,
        small=[(0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)],
        large=[(0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)],
        needs_colour=True,
    ),
    Corruption(
        name="elastic_transform",
        family="digital",
        apply=shapes.elastic_transform,
        # Shares of the side; those of ImageNet-C are stated for 244 pixels, and used for images of 224.
        small=[(0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03)],
        large=[
            tuple(244 / 224 * share for share in shares)
            for shares in ((2, 0.7, 0.1), (2, 0.08, 0.2), (0.05, 0.01, 0.02), (0.07, 0.01, 0.02), (0.12, 0.01, 0.02))
        ],
    ),
    Corruption(
        name="pixelate",
        family="digital",
        apply=storage.pixelate,
        small=_each(0.95, 0.9, 0.85, 0.75, 0.65),
        large=_each(0.6, 0.5, 0.4, 0.3, 0.25),
    ),
    Corruption(
        name="jpeg_compression",
        family="digital",
        apply=storage.jpeg_compression,
        small=_each(80, 65, 58, 50, 40),
        large=_each(25, 18, 15, 10, 7),
    ),
)

CORRUPTIONS = {each.name: each for each in _ALL}
"""All corruptions by name."""
