"""``zoo export``: a trained classifier as a file for other tools, held to the original."""

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
"""As in the harness, which the help of this command does not load."""


@click.command("export")
@click.argument("checkpoint", metavar="CHECKPOINT")
@click.option(
    "--format", "form", type=click.Choice(tuple(_SUFFIXES)), help="What to write [default: by what FILE ends in]."
)
@click.option(
    "-o", "--out", "output", required=True, metavar="FILE", help="Where to write it; FILE.json goes beside it."
)
@click.option("--images", metavar="FOLDER", help="Check on these images [default: the test split, from the cache].")
@click.option("--num-images", type=click.IntRange(min=1), default=256, show_default=True, help="Check on so many.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=1e-4,
    show_default=True,
    help="Largest difference of logits that passes, relative to the largest logit where that is above 1.",
)
@click.option(
    "--quantize",
    "method",
    type=click.Choice(("dynamic", "static")),
    help="Write whole numbers of 8 bits: static for fast convolutions, dynamic without calibration.",
)
@click.option(
    "--min-agreement",
    type=click.FloatRange(min=0, max=1),
    default=0.95,
    show_default=True,
    help="With --quantize: least share of images for which it must name the original's class.",
)
@click.option(
    "--calibration",
    metavar="FOLDER",
    help="With --quantize static: training images to find ranges on [default: the training split, from the cache].",
)
@click.option(
    "--calibration-images", type=click.IntRange(min=1), default=256, show_default=True, help="Find ranges on so many."
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
    """Write a trained classifier for other tools, and check it against the original on real images.

    CHECKPOINT is a trial's folder, the checkpoint in it, or a file that zoo export or zoo import wrote. The file takes
    normalised float32 images, as many at a time as one likes, and returns logits. How images are to be prepared and
    what the classes are stands in its metadata and in FILE.json. If it differs from the original by more than the
    tolerance, it is not kept and the exit code is 1. ONNX takes the extra zoobench[onnx].

    With --quantize logits differ by nature, and the file is kept if it names the original's class often enough.
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
        raise UsageError(
            f"-o {output}: --format is needed, for the name ends in none of {', '.join(_SUFFIXES.values())}"
        )
    if calibration is not None and method != "static":
        raise UsageError(f"--calibration {calibration} goes with --quantize static, which alone finds ranges on images")
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
                f"the test images of {card.title} are not in the cache, and an export is checked on real images: "
                "give some with --images FOLDER"
            )
        images_NHWC, origin = found, f"the test split of {card.dataset}"
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
                *([f"ranges: {how.calibration}"] if how.calibration else []),
                f"{exported.num_bytes:,} bytes, {exported.num_bytes_float:,} in float32: {share:.2f} of it",
            ]
    except ParityError as error:
        parity, failure = error.parity, str(error)
    else:
        click.echo(f"{clean(path)}: {form}, {path.stat().st_size:,} bytes; described in {clean(path.name)}.json")
        for line in details:
            click.echo(clean(line))
    click.echo(
        f"held to the original on {plural(parity.images, 'image')} of {clean(origin)}: largest difference of logits "
        f"{parity.max_difference:.2g}, {parity.relative_difference:.2g} relative to the largest; the same class for "
        f"{100 * parity.top1_agreement:.2f} %"
    )
    if failure:
        complain(failure)
    ctx.exit(FAILED if failure else 0)


def _calibration(card: ClassifierCard, folder: str | None, count: int) -> Calibration:
    """Return training images: the classifier's own from the cache, or a folder's."""
    from harness.classifiers.images import cached_training_images, folder_images
    from harness.classifiers.quantizing import Calibration
    from zoo.cache import decoded_root
    from zoo.errors import UsageError

    if folder is not None:
        images_NHWC = folder_images(card, Path(folder), count, option="--calibration")
        return Calibration(images_NHWC=images_NHWC, origin=f"{plural(len(images_NHWC), 'image')} of {folder}")
    found = cached_training_images(card, decoded_root(), count)
    if found is None:
        raise UsageError(
            f"the training images of {card.title} are not in the cache, and static quantisation finds its ranges on "
            "some: give them with --calibration FOLDER, or take --quantize dynamic"
        )
    origin = f"{plural(len(found), 'training image')} of {card.dataset}"
    return Calibration(images_NHWC=found, origin=origin, fingerprint=card.fingerprint)
