"""``zoo export``: export a trained model and verify the exported file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli.options.counts import count_option
from zoo.cli.options.output import output_option
from zoo.cli.options.running_model import checkpoint_argument
from zoo.cli.session import complain, plugin_options, session_of
from zoo.text import clean, plural

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from harness.classifiers.card import ClassifierCard
    from harness.classifiers.exporting import Parity
    from harness.classifiers.quantizing import Calibration, Method
    from harness.classifiers.trained import TrainedClassifier
    from zoo.catalog import Catalog

_SUFFIXES = {"safetensors": ".safetensors", "torch-export": ".pt2", "onnx": ".onnx", "coreml": ".mlpackage"}
"""Copied from the harness, which ``--help`` must not import."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _ExportCall:
    """What a command line of ``zoo export`` asks for."""

    checkpoint: Path
    form: str
    """Output format."""
    path: Path
    """File to write."""
    images: str | None
    """Folder of images to verify with; None: the cached test set."""
    num_images: int
    """Number of images to verify with."""
    tolerance: float
    """Largest allowed relative difference of logits."""
    method: Method | None
    """Quantisation method; None: float32."""
    min_agreement: float
    """Smallest allowed share of images with the same top-1 class, if quantised."""
    calibration: str | None
    """Folder of calibration images; None: the cached training set."""
    calibration_images: int
    """Number of calibration images."""

    @classmethod
    def parse(cls, params: dict[str, Any]) -> _ExportCall:
        """Return the call that the parameters of click stand for.

        Raises:
            UsageError: If there is no format, or calibration images that the method does not use.
        """
        from zoo.errors import UsageError

        output, method, calibration = params["output"], params["method"], params["calibration"]
        path = Path(output)
        form = params["form"] or next((name for name, suffix in _SUFFIXES.items() if path.suffix == suffix), None)
        if form is None:
            raise UsageError(f"-o {output}: give --format, or a name that ends in {', '.join(_SUFFIXES.values())}")
        if calibration is not None and method != "static":
            raise UsageError(
                f"--calibration {calibration} needs --quantize static; no other method uses calibration images"
            )
        return cls(
            checkpoint=Path(params["checkpoint"]),
            form=form,
            path=path,
            images=params["images"],
            num_images=params["num_images"],
            tolerance=params["tolerance"],
            method=method,
            min_agreement=params["min_agreement"],
            calibration=calibration,
            calibration_images=params["calibration_images"],
        )


@click.command("export")
@checkpoint_argument
@click.option(
    "--format", "form", type=click.Choice(tuple(_SUFFIXES)), help="Output format [default: from the suffix of FILE]."
)
@output_option("File to write; a description is written to FILE.json.", name="output", required=True)
@click.option("--images", metavar="FOLDER", help="Images to verify with [default: the cached test set].")
@count_option("--num-images", "Number of images to verify with.", default=256)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=1e-4,
    show_default=True,
    metavar="X",
    help="Largest allowed difference between logits, relative to the largest logit if that exceeds 1.",
)
@click.option(
    "--quantize",
    "method",
    type=click.Choice(("dynamic", "static")),
    help="Quantise to int8: static is faster for convolutional networks, dynamic needs no calibration.",
)
@click.option(
    "--min-agreement",
    type=click.FloatRange(min=0, max=1),
    default=0.95,
    show_default=True,
    metavar="SHARE",
    help="With --quantize: smallest allowed share of images with the same top-1 class as the original.",
)
@click.option(
    "--calibration",
    metavar="FOLDER",
    help="With --quantize static: calibration images [default: the cached training set].",
)
@count_option("--calibration-images", "With --quantize static: number of calibration images.", default=256)
@plugin_options
@click.pass_context
def command(ctx: click.Context, /, **params: Any) -> None:
    """Export a trained model and verify it.

    CHECKPOINT is a trial folder, the checkpoint inside it, or a .safetensors file written by zoo export or zoo import.
    The exported model takes normalised float32 images, any number per batch, and returns logits. Its metadata and
    FILE.json describe the preparation and list the classes. It is compared with the original on real images; if
    their logits differ by more than --tolerance, the file is discarded and the exit code is 1. ONNX needs
    pip install 'zoobench[onnx]'.

    Core ML needs pip install 'zoobench[coreml]'. Its packages take an image, normalise it, and return class labels with
    probabilities. They run on Apple's systems only, so for the comparison torch evaluates the program in the package.

    Quantisation always changes logits, so with --quantize the two models must agree on the top-1 class instead
    (--min-agreement).
    """
    from harness.classifiers.exporting import ParityError
    from harness.classifiers.trained import load_trained
    from harness.system.file_trees import num_bytes_of
    from zoo.cli.group import FAILED

    call = _ExportCall.parse(params)
    catalog = session_of(ctx).catalog()
    classifier = load_trained(call.checkpoint, catalog)
    for note in classifier.notes:
        complain(note)
    images_NHWC, origin = _images(call, classifier.card)
    failure = ""
    try:
        parity, details = _export(call, classifier, catalog, images_NHWC)
    except ParityError as error:
        parity, failure = error.parity, str(error)
    else:
        path = call.path
        size = f"{num_bytes_of(path):,} bytes"
        click.echo(f"wrote {clean(path)}: {call.form}, {size}; described in {clean(path.name)}.json")
        for line in details:
            click.echo(clean(line))
    click.echo(
        f"compared with the original on {plural(parity.images, 'image')} from {clean(origin)}: largest logit "
        f"difference {parity.max_difference:.2g} ({parity.relative_difference:.2g} relative to the largest logit), "
        f"same top-1 class for {100 * parity.top1_agreement:.2f} %"
    )
    if failure:
        complain(failure)
    ctx.exit(FAILED if failure else 0)


def _images(call: _ExportCall, card: ClassifierCard) -> tuple[NDArray[np.uint8], str]:
    """Return images to verify with, and where they come from."""
    from harness.classifiers.images import cached_test_images, folder_images
    from zoo.errors import UsageError
    from zoo.files.cache import decoded_root

    if call.images is not None:
        return folder_images(card, Path(call.images), call.num_images, tell=complain), call.images
    found = cached_test_images(card, decoded_root(), call.num_images)
    if found is None:
        raise UsageError(
            f"the test images of {card.title} are not in the cache; give --images FOLDER with images to verify the "
            "export with"
        )
    return found, f"the test set of {card.dataset}"


def _export(
    call: _ExportCall, classifier: TrainedClassifier, catalog: Catalog, images_NHWC: NDArray[np.uint8]
) -> tuple[Parity, list[str]]:
    """Write the file; return how it compares with the original, and lines on its quantisation."""
    from harness.classifiers.exporting import export_classifier, export_quantized

    if call.method is None:
        parity = export_classifier(
            classifier, call.form, call.path, images_NHWC=images_NHWC, catalog=catalog, tolerance=call.tolerance
        )
        return parity, []
    exported = export_quantized(
        classifier,
        call.form,
        call.path,
        method=call.method,
        calibration=_calibration(call, classifier.card) if call.method == "static" else None,
        images_NHWC=images_NHWC,
        catalog=catalog,
        min_agreement=call.min_agreement,
    )
    how, share = exported.quantization, exported.num_bytes / exported.num_bytes_float
    return exported.parity, [
        f"{call.method} quantisation by {how.tool}: weights {how.weights}; activations {how.activations}",
        *([f"calibration: {how.calibration}"] if how.calibration else []),
        f"{exported.num_bytes:,} bytes, {100 * share:.0f} % of {exported.num_bytes_float:,} bytes in float32",
    ]


def _calibration(call: _ExportCall, card: ClassifierCard) -> Calibration:
    """Return calibration images: those in a folder, or else the classifier's own training images from the cache."""
    from harness.classifiers.images import cached_training_images, folder_images
    from harness.classifiers.quantizing import Calibration
    from zoo.errors import UsageError
    from zoo.files.cache import decoded_root

    folder = call.calibration
    if folder is not None:
        images_NHWC = folder_images(card, Path(folder), call.calibration_images, option="--calibration", tell=complain)
        return Calibration(images_NHWC=images_NHWC, origin=f"{plural(len(images_NHWC), 'image')} from {folder}")
    found = cached_training_images(card, decoded_root(), call.calibration_images)
    if found is None:
        raise UsageError(
            f"the training images of {card.title} are not in the cache; give calibration images with --calibration "
            "FOLDER, or use --quantize dynamic, which needs none"
        )
    origin = f"{plural(len(found), 'training image')} of {card.dataset}"
    return Calibration(images_NHWC=found, origin=origin, fingerprint=card.fingerprint)
