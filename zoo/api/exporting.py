"""Exporting: ``zoo.export``, which writes a trained network for other tools, and keeps it if it predicts the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from zoo.errors import ManyErrors, UnknownNameError, UsageError
from zoo.text import plural

if TYPE_CHECKING:
    from typing import Unpack

    import numpy as np
    from numpy.typing import NDArray

    from harness.classifiers.card import ClassifierCard
    from harness.classifiers.exporting import Parity
    from harness.classifiers.quantizing import Calibration, Quantization
    from harness.classifiers.trained import TrainedClassifier
    from zoo.catalog import Catalog

AnyPath = str | PathLike[str]
Tell = Callable[[str], None]
Method = Literal["dynamic", "static"]


class ExportOptions(TypedDict, total=False):
    """The other settings of ``zoo.export``: the options of ``zoo export`` with underscores, and their meanings."""

    format: Literal["safetensors", "torch-export", "onnx", "coreml"]
    images: AnyPath
    num_images: int
    tolerance: float
    quantize: Method
    min_agreement: float
    calibration: AnyPath
    calibration_images: int
    plugins: Sequence[AnyPath]
    strict_plugins: bool
    no_plugins: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """A written file, and how its predictions compare with the original's."""

    path: Path
    """The file; a description lies beside it as ``NAME.json``."""
    format: str
    """Name of its format."""
    num_bytes: int
    """Its size."""
    parity: Parity
    """Differences of logits and of classes."""
    quantization: Quantization | None = None
    """How it was quantised; None: it is in float32."""
    num_bytes_float: int | None = None
    """Size of the same file in float32, if it was quantised."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportOrder:
    """What an export is asked for."""

    path: Path
    """File to write."""
    form: str
    """Output format."""
    images: Path | None = None
    """Folder of images to verify with; None: the cached test set."""
    num_images: int = 256
    """Number of images to verify with."""
    tolerance: float = 1e-4
    """Largest allowed relative difference of logits."""
    method: Method | None = None
    """Quantisation method; None: float32."""
    min_agreement: float = 0.95
    """Smallest allowed share of images with the same top-1 class, if quantised."""
    calibration: Path | None = None
    """Folder of calibration images; None: the cached training set."""
    calibration_images: int = 256
    """Number of calibration images."""

    @classmethod
    def parse(cls, output: AnyPath, settings: Mapping[str, Any]) -> ExportOrder:
        """Return the order that the settings of a call or a command line stand for; None stands for what is not given.

        Raises:
            UsageError: If there is no format, or calibration images that the method does not use.
        """
        from harness.classifiers.formats import FORMATS

        given = {name: value for name, value in settings.items() if value is not None}
        path, method, calibration = Path(output), given.get("quantize"), given.get("calibration")
        suffixes = {form.suffix: name for name, form in FORMATS.items()}
        form = given.get("format") or suffixes.get(path.suffix)
        if form is None:
            raise UsageError(f"-o {output}: give --format, or a name that ends in {', '.join(suffixes)}")
        if calibration is not None and method != "static":
            raise UsageError(
                f"--calibration {calibration} needs --quantize static; no other method uses calibration images"
            )
        numbers = ("num_images", "tolerance", "min_agreement", "calibration_images")
        return cls(
            path=path,
            form=form,
            method=method,
            images=Path(given["images"]) if "images" in given else None,
            calibration=None if calibration is None else Path(calibration),
            **{name: given[name] for name in numbers if name in given},
        )

    def images_for(self, card: ClassifierCard, tell: Tell) -> tuple[NDArray[np.uint8], str]:
        """Return images to verify with, and where they come from.

        Raises:
            UsageError: If there are none.
        """
        from harness.classifiers.images import cached_test_images, folder_images
        from zoo.files.cache import decoded_root

        if self.images is not None:
            return folder_images(card, self.images, self.num_images, tell=tell), str(self.images)
        found = cached_test_images(card, decoded_root(), self.num_images)
        if found is None:
            raise UsageError(
                f"the test images of {card.title} are not in the cache; give --images FOLDER with images to verify the "
                "export with"
            )
        return found, f"the test set of {card.dataset}"

    def write(
        self, classifier: TrainedClassifier, images_NHWC: NDArray[np.uint8], *, catalog: Catalog, tell: Tell
    ) -> Export:
        """Write the file, and verify it with images.

        Raises:
            ParityError: If it differs too much; nothing is then written.
        """
        from harness.classifiers.exporting import export_classifier, export_quantized
        from harness.system.file_trees import num_bytes_of

        if self.method is None:
            parity = export_classifier(
                classifier, self.form, self.path, images_NHWC=images_NHWC, catalog=catalog, tolerance=self.tolerance
            )
            return Export(path=self.path, format=self.form, num_bytes=num_bytes_of(self.path), parity=parity)
        done = export_quantized(
            classifier,
            self.form,
            self.path,
            method=self.method,
            calibration=self._calibration(classifier.card, tell) if self.method == "static" else None,
            images_NHWC=images_NHWC,
            catalog=catalog,
            min_agreement=self.min_agreement,
        )
        return Export(
            path=self.path,
            format=self.form,
            num_bytes=done.num_bytes,
            parity=done.parity,
            quantization=done.quantization,
            num_bytes_float=done.num_bytes_float,
        )

    def _calibration(self, card: ClassifierCard, tell: Tell) -> Calibration:
        """Return calibration images: those in a folder, or else the classifier's own training images from the cache."""
        from harness.classifiers.images import cached_training_images, folder_images
        from harness.classifiers.quantizing import Calibration
        from zoo.files.cache import decoded_root

        folder, count = self.calibration, self.calibration_images
        if folder is not None:
            images_NHWC = folder_images(card, folder, count, option="--calibration", tell=tell)
            return Calibration(images_NHWC=images_NHWC, origin=f"{plural(len(images_NHWC), 'image')} from {folder}")
        found = cached_training_images(card, decoded_root(), count)
        if found is None:
            raise UsageError(
                f"the training images of {card.title} are not in the cache; give calibration images with --calibration "
                "FOLDER, or use --quantize dynamic, which needs none"
            )
        origin = f"{plural(len(found), 'training image')} of {card.dataset}"
        return Calibration(images_NHWC=found, origin=origin, fingerprint=card.fingerprint)


def export(path: AnyPath, output: AnyPath, **options: Unpack[ExportOptions]) -> Export:
    """Write a trained network for other tools, and keep the file if it predicts the same, as ``zoo export`` does.

    Args:
        path: A trial folder, the checkpoint in it, or a ``.safetensors`` file written by ``zoo export`` or
            ``zoo import``.
        output: File to write. Its suffix names the format: ``.safetensors``, ``.pt2``, ``.onnx`` or ``.mlpackage``.
        options: See :class:`ExportOptions`.

    Raises:
        ParityError: If its logits, or quantised its classes, differ too much; nothing is then written.
        UsageError: If an option is wrong, or there are no images to verify with.
        ZooError: If the network cannot be exported, or its library is not installed.

    Example:
        >>> import zoo
        >>> zoo.export("runs/TRIAL", "net.bin")
        Traceback (most recent call last):
        zoo.errors.UsageError: -o net.bin: give --format, or a name that ends in .safetensors, .pt2, .onnx, .mlpackage
    """
    from harness.classifiers.trained import load_trained
    from zoo.api.plugin_choice import PluginChoice
    from zoo.names import near_names

    given: dict[str, Any] = dict(options)
    known = list(ExportOptions.__annotations__)
    ManyErrors.raise_if(
        UnknownNameError("setting of zoo.export", name, near=near_names(name, known), hint="(help(zoo.export))")
        for name in given
        if name not in known
    )
    _check(given)
    choice = PluginChoice(
        files=tuple(given.pop("plugins", ())),
        strict=given.pop("strict_plugins", False),
        installed=not given.pop("no_plugins", False),
    )
    order = ExportOrder.parse(output, given)
    catalog = choice.catalog()
    classifier = load_trained(Path(path), catalog)
    images_NHWC, _ = order.images_for(classifier.card, _ignore)
    return order.write(classifier, images_NHWC, catalog=catalog, tell=_ignore)


def _check(given: Mapping[str, Any]) -> None:
    """Raise ``UsageError`` for each value that the command line would refuse."""
    from harness.classifiers.formats import FORMATS

    errors = [
        UsageError(f"{name} = {given[name]!r}: expected {', '.join(expected)}")
        for name, expected in (("format", tuple(FORMATS)), ("quantize", ("dynamic", "static")))
        if given.get(name) not in (None, *expected)
    ]
    for name in ("num_images", "calibration_images"):
        value = given.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            errors.append(UsageError(f"{name} = {value!r}: expected a whole number of at least 1"))
    for name, most in (("tolerance", float("inf")), ("min_agreement", 1)):
        value = given.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            limit = "a number of at least 0" if most > 1 else "a share from 0 to 1"
            errors.append(UsageError(f"{name} = {value!r}: expected {limit}"))
    ManyErrors.raise_if(errors)


def _ignore(sentence: str) -> None:
    """Take no notice: images that cannot be read are left out, as long as one is left."""
