"""``zoo export``: export a trained model and verify the exported file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.cli.session import complain, plugin_options, session_of
from zoo.text import clean, plural

if TYPE_CHECKING:
    from harness.classifiers.card import ClassifierCard
    from harness.classifiers.quantizing import Calibration, Method

_SUFFIXES = {"safetensors": ".safetensors", "torch-export": ".pt2", "onnx": ".onnx"}
"""Copied from the harness, which ``--help`` must not import."""


@click.command("export")
@click.argument("checkpoint", metavar="CHECKPOINT")
@click.option(
    "--format", "form", type=click.Choice(tuple(_SUFFIXES)), help="Output format [default: from the suffix of FILE]."
)
@click.option(
    "-o", "--out", "output", required=True, metavar="FILE", help="File to write; a description is written to FILE.json."
)
@click.option("--images", metavar="FOLDER", help="Images to verify with [default: the cached test set].")
@click.option(
    "--num-images",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    metavar="N",
    help="Number of images to verify with.",
)
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
@click.option(
    "--calibration-images",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    metavar="N",
    help="With --quantize static: number of calibration images.",
)
@plugin_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    checkpoint: str,
    form: str | None,
    output: str,
    images: str | None,
    num_images: int,
    tolerance: float,
    method: Method | None,
    min_agreement: float,
    calibration: str | None,
    calibration_images: int,
) -> None:
    """Export a trained model and verify it.

    CHECKPOINT is a trial folder, the checkpoint inside it, or a .safetensors file written by zoo export or zoo import.
    The exported model takes normalised float32 images, any number per batch, and returns logits. Its metadata and
    FILE.json describe the preprocessing and list the classes. It is compared with the original on real images; if
    their logits differ by more than --tolerance, the file is discarded and the exit code is 1. ONNX needs
    pip install 'zoobench[onnx]'.

    Quantisation always changes logits, so with --quantize the two models must agree on the top-1 class instead
    (--min-agreement).
    """
    from harness.classifiers.exporting import ParityError, export_classifier, export_quantized
    from harness.classifiers.images import cached_test_images, folder_images
    from harness.classifiers.trained import load_trained
    from zoo.cache import decoded_root
    from zoo.cli.group import FAILED
    from zoo.errors import UsageError

    path = Path(output)
    form = form or next((name for name, suffix in _SUFFIXES.items() if path.suffix == suffix), None)
    if form is None:
        raise UsageError(f"-o {output}: give --format, or a name that ends in {', '.join(_SUFFIXES.values())}")
    if calibration is not None and method != "static":
        raise UsageError(
            f"--calibration {calibration} needs --quantize static; no other method uses calibration images"
        )
    catalog = session_of(ctx).catalog()
    classifier = load_trained(Path(checkpoint), catalog)
    card = classifier.card
    for note in classifier.notes:
        complain(note)
    if images is not None:
        images_NHWC, origin = folder_images(card, Path(images), num_images), images
    else:
        found = cached_test_images(card, decoded_root(), num_images)
        if found is None:
            raise UsageError(
                f"the test images of {card.title} are not in the cache; give --images FOLDER with images to verify the "
                "export with"
            )
        images_NHWC, origin = found, f"the test set of {card.dataset}"
    failure, details = "", []
    try:
        if method is None:
            parity = export_classifier(
                classifier, form, path, images_NHWC=images_NHWC, catalog=catalog, tolerance=tolerance
            )
        else:
            exported = export_quantized(
                classifier,
                form,
                path,
                method=method,
                calibration=_calibration(card, calibration, calibration_images) if method == "static" else None,
                images_NHWC=images_NHWC,
                catalog=catalog,
                min_agreement=min_agreement,
            )
            parity, how = exported.parity, exported.quantization
            share = exported.num_bytes / exported.num_bytes_float
            details = [
                f"{method} quantisation by {how.tool}: weights {how.weights}; activations {how.activations}",
                *([f"calibration: {how.calibration}"] if how.calibration else []),
                f"{exported.num_bytes:,} bytes, {100 * share:.0f} % of {exported.num_bytes_float:,} bytes in float32",
            ]
    except ParityError as error:
        parity, failure = error.parity, str(error)
    else:
        click.echo(f"wrote {clean(path)}: {form}, {path.stat().st_size:,} bytes; described in {clean(path.name)}.json")
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


def _calibration(card: ClassifierCard, folder: str | None, count: int) -> Calibration:
    """Return calibration images: those in *folder*, or else the classifier's own training images from the cache."""
    from harness.classifiers.images import cached_training_images, folder_images
    from harness.classifiers.quantizing import Calibration
    from zoo.cache import decoded_root
    from zoo.errors import UsageError

    if folder is not None:
        images_NHWC = folder_images(card, Path(folder), count, option="--calibration")
        return Calibration(images_NHWC=images_NHWC, origin=f"{plural(len(images_NHWC), 'image')} from {folder}")
    found = cached_training_images(card, decoded_root(), count)
    if found is None:
        raise UsageError(
            f"the training images of {card.title} are not in the cache; give calibration images with --calibration "
            "FOLDER, or use --quantize dynamic, which needs none"
        )
    origin = f"{plural(len(found), 'training image')} of {card.dataset}"
    return Calibration(images_NHWC=found, origin=origin, fingerprint=card.fingerprint)
