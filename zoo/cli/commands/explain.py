"""``zoo explain``: where in images a trained classifier sees what it says of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.cli.display.pictures import check_picture_name, write_picture
from zoo.cli.session import complain, plugin_options, session_of
from zoo.text import clean, plural

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from harness.classifiers.predicting import ImageSource, Predictor
    from harness.classifiers.saliency import SaliencyExplanation
    from reports.pictures.sheet import Band

_COARSE = 4
"""Rows or columns of places below which a map hardly shows where anything is."""


@click.command("explain")
@click.argument("checkpoint", metavar="CHECKPOINT")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...|FOLDER|-")
@click.option(
    "--top-k", type=click.IntRange(min=1), default=2, show_default=True, help="Classes to show of each image."
)
@click.option("--limit", type=click.IntRange(min=1), default=24, show_default=True, help="Images to show at most.")
@click.option(
    "-o", "--out", "output", default="explanation.png", show_default=True, metavar="FILE", help="A .png or .jpg."
)
@click.option("--device", default="auto", metavar="DEVICE", help="auto, cpu, cuda, cuda:N or mps [default: auto].")
@plugin_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    checkpoint: str,
    images: tuple[str, ...],
    top_k: int,
    limit: int,
    output: str,
    device: str,
) -> None:
    """Draw where in images a trained classifier sees what speaks for its most probable classes.

    CHECKPOINT and images are as for zoo predict, and images are prepared in the same way. Each image is shown beside
    a heat map for each class (HiResCAM, of the last layer that knows places): bright is what speaks for it. A heat map
    shows where, and not why, and a network that was trained badly gives maps that look as sure as any other's.
    """
    from harness.classifiers.predicting import Predictor
    from harness.classifiers.saliency import explain
    from harness.classifiers.trained import load_trained
    from reports.pictures.sheet import draw_sheet
    from zoo.cli.group import FAILED

    path = check_picture_name(output)
    classifier = load_trained(Path(checkpoint), session_of(ctx).catalog())
    predictor = Predictor(classifier, device=device, precision="fp32")
    for note in classifier.notes:
        complain(note)
    sources, num_left = _first(images, limit)
    bands: list[Band] = []
    layer = ""
    num_bad = 0
    rows = columns = 0
    for source in sources:
        decoded = _decoded(predictor, source)
        if isinstance(decoded, str):
            complain(f"{clean(source.name)}: {decoded}")
            num_bad += 1
            continue
        explanation = explain(predictor, decoded, top_k=top_k)
        layer, (rows, columns) = explanation.layer, explanation.num_places
        bands.append(_band(source.name, decoded, explanation, classifier.card.classes))
        best, probability = explanation.classes[0]
        click.echo(f"{clean(source.name)}: {clean(classifier.card.classes[best])} {100 * probability:.1f} %")
    if bands:
        shown = 1 + min(top_k, len(classifier.card.classes))
        write_picture(draw_sheet(bands, title=classifier.card.title, side=224, columns=shown), path)
        told_apart = f"from {clean(layer)}, which tells {rows} × {columns} places apart"
        complain(f"{clean(path)}: what speaks for a class is bright; {told_apart}")
        if min(rows, columns) < _COARSE:
            complain("that is coarse: the same network trained on larger images (data.image_size) gives finer maps")
    if num_left:
        complain(f"{plural(num_left, 'image')} left out: --limit is {limit}")
    ctx.exit(FAILED if num_bad else 0)


def _first(arguments: tuple[str, ...], limit: int) -> tuple[list[ImageSource], int]:
    """Return the images that are shown, and how many more there are."""
    from harness.classifiers.predicting import find_images, lines_of_stdin

    shown: list[ImageSource] = []
    num_left = 0
    for argument in arguments:
        for source in find_images(lines_of_stdin() if argument == "-" else [argument]):
            if len(shown) < limit:
                shown.append(source)
            else:
                num_left += 1
    return shown, num_left


def _decoded(predictor: Predictor, source: ImageSource) -> NDArray[np.uint8] | str:
    """Return an image's pixels, or one sentence on why there are none."""
    from harness.data.decoding import UnreadableImageError, quiet_pillow

    if source.image is None:
        return source.problem
    try:
        with quiet_pillow():
            return predictor.decode(source.image)
    except UnreadableImageError as error:
        return str(error)


def _band(name: str, image_HWC: NDArray[np.uint8], explanation: SaliencyExplanation, classes: tuple[str, ...]) -> Band:
    from reports.pictures.sheet import Band, SheetCell, heat

    cells = [SheetCell(image_HWC=image_HWC, lines=(Path(name).name,))]
    for (index, probability), map_HW in zip(explanation.classes, explanation.maps_KHW, strict=True):
        nothing = () if map_HW.any() else ("nothing speaks for it",)
        cells.append(
            SheetCell(
                image_HWC=heat(image_HWC, map_HW), lines=(f"{classes[index]} {100 * probability:.1f} %", *nothing)
            )
        )
    return Band(cells=cells)
