"""``zoo export``: export a trained model and verify the exported file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli.options.counts import count_option
from zoo.cli.options.output import output_option
from zoo.cli.options.running_model import checkpoint_argument
from zoo.cli.session import complain, plugin_options, session_of, tell
from zoo.text import clean, plural

if TYPE_CHECKING:
    from zoo.api.exporting import Export

_SUFFIXES = {"safetensors": ".safetensors", "torch-export": ".pt2", "onnx": ".onnx", "coreml": ".mlpackage"}
"""Copied from the harness, which ``--help`` must not import."""


@click.command("export")
@checkpoint_argument
@click.option("--format", type=click.Choice(tuple(_SUFFIXES)), help="Output format [default: from the suffix of FILE].")
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
    from zoo.api.exporting import ExportOrder
    from zoo.cli.group import FAILED

    order = ExportOrder.parse(params.pop("output"), params)
    catalog = session_of(ctx).catalog()
    classifier = load_trained(Path(params["checkpoint"]), catalog)
    for note in classifier.notes:
        complain(note)
    images_NHWC, origin = order.images_for(classifier.card, complain)
    failure = ""
    try:
        done = order.write(classifier, images_NHWC, catalog=catalog, tell=complain)
    except ParityError as error:
        parity, failure = error.parity, str(error)
    else:
        parity, path = done.parity, done.path
        size = f"{done.num_bytes:,} bytes"
        tell(f"wrote {clean(path)}: {done.format}, {size}; described in {clean(path.name)}.json")
        for line in _details(done):
            tell(clean(line))
    tell(
        f"compared with the original on {plural(parity.images, 'image')} from {clean(origin)}: largest logit "
        f"difference {parity.max_difference:.2g} ({parity.relative_difference:.2g} relative to the largest logit), "
        f"same top-1 class for {100 * parity.top1_agreement:.2f} %"
    )
    if failure:
        complain(failure)
    ctx.exit(FAILED if failure else 0)


def _details(done: Export) -> list[str]:
    """Return lines on the quantisation."""
    how, num_bytes_float = done.quantization, done.num_bytes_float
    if how is None or num_bytes_float is None:
        return []
    share = done.num_bytes / num_bytes_float
    return [
        f"{how.method} quantisation by {how.tool}: weights {how.weights}; activations {how.activations}",
        *([f"calibration: {how.calibration}"] if how.calibration else []),
        f"{done.num_bytes:,} bytes, {100 * share:.0f} % of {num_bytes_float:,} bytes in float32",
    ]
