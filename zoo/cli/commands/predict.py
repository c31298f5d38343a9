"""``zoo predict``: classify images with a trained model."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from zoo.cli.display.predictions import FORMATS
from zoo.cli.session import complain, plugin_options, session_of
from zoo.text import plural

if TYPE_CHECKING:
    from harness.classifiers.predicting import ImageSource
    from zoo.image_files import LeftOut


@click.command("predict")
@click.argument("checkpoint", metavar="CHECKPOINT")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...|FOLDER|-")
@click.option(
    "--top-k", type=click.IntRange(min=1), default=5, show_default=True, metavar="K", help="Classes to show per image."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(tuple(FORMATS)),
    default="table",
    show_default=True,
    help="Output format.",
)
@click.option("-o", "--out", "output", metavar="FILE", help="Write to FILE instead of standard output.")
@click.option(
    "--batch-size", type=click.IntRange(min=1), metavar="N", help="Images per batch [default: as in testing]."
)
@click.option("--device", default="auto", metavar="DEVICE", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@click.option(
    "--precision",
    type=click.Choice(("fp32", "bf16", "fp16")),
    help="Numeric precision [default: as in testing if the device type is the same, else fp32].",
)
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Decoding threads [default: one per core].")
@plugin_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    checkpoint: str,
    images: tuple[str, ...],
    top_k: int,
    form: str,
    output: str | None,
    batch_size: int | None,
    device: str,
    precision: str | None,
    workers: int | None,
) -> None:
    """Classify images with a trained model.

    CHECKPOINT is a trial folder, the checkpoint inside it, a .safetensors file written by zoo export or zoo import, or
    an .onnx file written by zoo export. Give image files, folders (searched recursively), or - to read file names
    from standard input, one per line. Images are preprocessed as in training. If an image cannot be read, its row
    gives the reason, the remaining images are still classified, and the exit code is 1. Other files in folders are
    skipped and counted on standard error.
    """
    from harness.classifiers.onnx import load_predicting
    from harness.classifiers.predicting import Predictor, predict_images
    from zoo.cli.display.counting import counted
    from zoo.cli.group import FAILED
    from zoo.image_files import LeftOut

    catalog = session_of(ctx).catalog()
    classifier, device = load_predicting(Path(checkpoint), catalog, device=device, precision=precision)
    predictor = Predictor(
        classifier,
        device=device,
        precision=precision,  # type: ignore[arg-type]  # one of the choices
        batch_size=batch_size,
    )
    for note in classifier.notes:
        complain(note)
    num_images = num_bad = 0
    skipped = LeftOut()

    def write(file: TextIO) -> None:
        nonlocal num_images, num_bad
        writer = FORMATS[form](file, classifier.card.classes, top_k)
        predictions = predict_images(predictor, _sources(images, skipped), num_workers=workers)
        # Lines that are written to the same terminal would run into the count.
        if output is not None or form == "table" or not sys.stdout.isatty():
            predictions = counted(predictions, "image", sys.stderr)
        for prediction in predictions:
            num_images += 1
            num_bad += prediction.logits_K is None
            writer.add(prediction)
        writer.end()

    _write_to(output, write)
    for note in skipped.notes():
        complain(note)
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
    from harness.system.atomic_files import write_atomically, writing

    def fill(temporary: Path) -> None:
        # File names that are not valid UTF-8 are written back as their original bytes.
        with temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            write(file)

    path = Path(output)
    with writing(path):
        write_atomically(path, fill)
