"""``zoo predict``: classify images with a trained model."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from zoo.cli.display.predictions import FORMATS
from zoo.cli.options.counts import count_option
from zoo.cli.options.output import is_stream, output_option
from zoo.cli.options.running_model import checkpoint_argument, device_option, images_argument, precision_option
from zoo.cli.session import complain, plugin_options, session_of
from zoo.text import plural

if TYPE_CHECKING:
    from harness.batches.forward_settings import Precision
    from harness.classifiers.predicting import ImageSource
    from zoo.files.image_files import LeftOut


@dataclass(frozen=True, kw_only=True, slots=True)
class _PredictCall:
    """What a command line of ``zoo predict`` asks for; the fields are the parameters of click."""

    checkpoint: str
    images: tuple[str, ...]
    """Files and folders; ``-`` stands for names on standard input."""
    top_k: int
    """Classes to show per image."""
    form: str
    """Output format."""
    output: str | None
    """File to write; None: standard output."""
    batch_size: int | None
    """Images per batch; None: as in testing."""
    device: str
    precision: Precision | None
    """Numeric precision; None: as in testing."""
    workers: int | None
    """Decoding threads; None: one per core."""
    reject_below: str | None
    """Probability below which images are not answered, or the accuracy that the answered ones should have."""


@click.command("predict")
@checkpoint_argument
@images_argument
@count_option("--top-k", "Classes to show per image.", default=5, metavar="K")
@click.option(
    "--format",
    "form",
    type=click.Choice(tuple(FORMATS)),
    default="table",
    show_default=True,
    help="Output format.",
)
@output_option("Write to FILE instead of standard output.", name="output")
@count_option("--batch-size", "Images per batch [default: as in testing].")
@device_option
@precision_option
@count_option("--workers", "Decoding threads [default: one per core].")
@click.option(
    "--reject-below",
    metavar="T",
    help="Answer only images with at least this probability (0.9), or with this accuracy on validation images (95%).",
)
@plugin_options
@click.pass_context
def command(ctx: click.Context, /, **params: Any) -> None:
    """Classify images with a trained model.

    CHECKPOINT is a trial folder, the checkpoint inside it, a .safetensors file written by zoo export or zoo import, or
    an .onnx file written by zoo export. Give image files, folders (searched recursively), or - to read file names
    from standard input, one per line. Images are preprocessed as in training. If an image cannot be read, its row
    gives the reason, the remaining images are still classified, and the exit code is 1. Other files in folders are
    skipped and counted on standard error.

    With --reject-below, images that the model is not sure enough of have no class but a reason, and the share of those
    answered is printed on standard error. For an accuracy, the threshold is chosen on the validation images of the
    trial, whose folder is needed.
    """
    from harness.system.collection import without_collection

    with without_collection():  # of torch's modules
        from harness.classifiers.onnx import load_predicting
        from harness.classifiers.predicting import Predictor, predict_images
        from harness.classifiers.rejecting import rejection_of
    from zoo.cli.display.counting import counted
    from zoo.cli.group import FAILED
    from zoo.files.image_files import LeftOut

    call = _PredictCall(**params)
    catalog = session_of(ctx).catalog()
    classifier, device = load_predicting(Path(call.checkpoint), catalog, device=call.device, precision=call.precision)
    predictor = Predictor(classifier, device=device, precision=call.precision, batch_size=call.batch_size)
    for note in classifier.notes:
        complain(note)
    rejection = None if call.reject_below is None else rejection_of(call.reject_below, classifier.folder)
    if rejection is not None and rejection.origin:
        complain(rejection.origin)
    num_images = num_bad = 0
    skipped = LeftOut()

    def write(file: TextIO) -> None:
        nonlocal num_images, num_bad
        writer = FORMATS[call.form](file, classifier.card.classes, call.top_k)
        predictions = predict_images(predictor, _sources(call.images, skipped), num_workers=call.workers)
        # Lines that are written to the same terminal would run into the count.
        if call.output is not None or call.form == "table" or not sys.stdout.isatty():
            predictions = counted(predictions, "image", sys.stderr)
        for prediction in predictions if rejection is None else rejection.apply(predictions):
            num_images += 1
            num_bad += prediction.logits_K is None
            writer.add(prediction)
        writer.end()

    _write_to(call.output, write)
    for note in (*skipped.notes(), *predictor.notes):
        complain(note)
    if not num_images:
        complain("there is nothing to classify: no image was named")
    if rejection is not None:
        num_bad -= rejection.rejected
        complain(rejection.summary)
    if num_bad:
        complain(f"{num_bad:,} of {plural(num_images, 'image')} could not be classified; the output gives each reason")
    ctx.exit(FAILED if num_bad else 0)


def _sources(arguments: tuple[str, ...], skipped: LeftOut) -> Iterator[ImageSource]:
    from harness.classifiers.predicting import find_images, lines_of_stdin

    for argument in arguments:
        yield from find_images(lines_of_stdin() if argument == "-" else [argument], skipped=skipped)


def _write_to(output: str | None, write: Callable[[TextIO], None]) -> None:
    """Call *write* with standard output, or with a file that appears only once it is complete."""
    if output is None:
        write(sys.stdout)
        return
    from harness.system.atomic_files import writing
    from harness.system.staging import write_staged

    def fill(temporary: Path) -> None:
        # File names that are not valid UTF-8 are written back as their original bytes.
        with temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            write(file)

    path = Path(output)
    with writing(path):
        if is_stream(path):
            fill(path)
        else:
            write_staged(path, fill)
