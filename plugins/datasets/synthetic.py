"""Synthetic images: deterministic, learnable but not trivial, with any size and number of classes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from zoo import DataRequest, Dataset, Split, Splits, hookimpl
from zoo.errors import ManyErrors, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CHUNK = 256


def load_synthetic(request: DataRequest) -> Splits:
    """Generate images that show a grating for their class, with noise.

    Each class has its own orientation and frequency (the K classes are spread over a grid of the two) and a tint.
    Phase, contrast and brightness are drawn for each image, so that no single pixel reveals the class, and a linear
    model on pixels stays far below a convolutional one. ``noise`` is the standard deviation of the noise added to
    each pixel, relative to a grating with amplitude 1.

    Raises:
        UsageError: If an option is out of range.
    """
    options = {name: request.options.get(name, default) for name, default in _OPTIONS.items()}
    _check(options)
    num_classes: Any = options["num_classes"]
    return Splits(
        classes=tuple(f"class_{k:0{len(str(num_classes - 1))}d}" for k in range(num_classes)),
        train=_make("train", options),
        test=_make("test", options),
    )


_OPTIONS: dict[str, Any] = {
    "num_classes": 10,
    "size": 32,
    "channels": 3,
    "num_train": 5000,
    "num_test": 1000,
    "noise": 1.0,
    "seed": 0,
}


def _check(options: dict[str, Any]) -> None:
    errors = [
        UsageError(f"data.{name} = {options[name]!r}: expected {expected}")
        for name, good, expected in (
            ("num_classes", options["num_classes"] >= 2, "at least 2"),
            ("size", options["size"] >= 4, "at least 4 pixels"),
            ("channels", options["channels"] in (1, 3), "1 or 3"),
            ("num_train", options["num_train"] >= 2 * options["num_classes"], "at least 2 images for each class"),
            ("num_test", options["num_test"] >= 1, "at least 1"),
            ("noise", options["noise"] >= 0, "at least 0"),
            ("seed", options["seed"] >= 0, "at least 0"),
        )
        if not good
    ]
    ManyErrors.raise_if(errors)


def _make(name: str, options: dict[str, Any]) -> Split:
    import numpy as np

    count = options[f"num_{name}"]
    size, channels = options["size"], options["channels"]
    labels = np.arange(count, dtype=np.int64) % options["num_classes"]
    images_NHWC = np.empty((count, size, size, channels), dtype=np.uint8)
    for start in range(0, count, _CHUNK):
        chunk = labels[start : start + _CHUNK]
        generator = np.random.default_rng([options["seed"], name == "test", start])
        images_NHWC[start : start + _CHUNK] = _draw(chunk, options, generator)
    return Split(images=images_NHWC, labels=labels)


def _draw(labels_N: NDArray[np.int64], options: dict[str, Any], generator: np.random.Generator) -> NDArray[np.uint8]:
    import numpy as np

    num_classes, size, channels = options["num_classes"], options["size"], options["channels"]
    num_angles = int(np.ceil(np.sqrt(num_classes)))
    num_frequencies = -(-num_classes // num_angles)
    angle_N = np.pi * (labels_N % num_angles) / num_angles
    # Waves per image, from two up to one per six pixels.
    frequency_N = np.geomspace(2, max(2.5, size / 6), num_frequencies)[labels_N // num_angles]
    count = (len(labels_N), 1, 1)
    rows_HW, columns_HW = np.meshgrid(np.arange(size) / size, np.arange(size) / size, indexing="ij")
    along_NHW = np.cos(angle_N)[:, None, None] * columns_HW + np.sin(angle_N)[:, None, None] * rows_HW
    phase = generator.uniform(0, 2 * np.pi, count)
    wave_NHW = np.sin(2 * np.pi * frequency_N[:, None, None] * along_NHW + phase) * generator.uniform(0.5, 1.5, count)
    # The tint of a class differs little from its neighbours', so that it is only a hint.
    tint_NC = 1 + 0.3 * np.cos(2 * np.pi * (labels_N[:, None] / num_classes + np.arange(channels) / channels))
    images_NHWC = wave_NHW[..., None] * tint_NC[:, None, None, :]
    images_NHWC += generator.normal(0, options["noise"], (len(labels_N), size, size, channels))
    images_NHWC += generator.uniform(-0.5, 0.5, (len(labels_N), 1, 1, 1))
    values: NDArray[np.uint8] = np.clip(np.rint(127.5 + 40 * images_NHWC), 0, 255).astype(np.uint8)
    return values


@hookimpl
def zoo_datasets() -> Iterable[Dataset]:
    """Yield ``synthetic``."""
    yield Dataset(
        name="synthetic",
        collections=("synthetic",),
        load=load_synthetic,
        summary="gratings on noise, of any size and number of classes; for trying things out",
        mirror_symmetric=False,
        options=_OPTIONS,
    )
