"""``zoo explain``: plot saliency maps of a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.cli.display.pictures import check_picture_name, write_picture
from zoo.cli.options.counts import count_option
from zoo.cli.options.output import output_option
from zoo.cli.options.running_model import checkpoint_argument, device_option, images_argument
from zoo.cli.session import complain, plugin_options, session_of, tell
from zoo.text import clean, plural

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from harness.classifiers.predicting import ImageSource, Predictor
    from harness.classifiers.saliency import SaliencyExplanation
    from reports.pictures.sheet import Band
    from zoo.files.image_files import LeftOut

_SCALE = ("0", "1 = strongest evidence, probability 100 %")
"""Ends of the scale of the maps, which are multiplied by the probability of their class."""
_COARSE = 4
"""Saliency maps with fewer rows or columns than this hardly localise anything."""


@click.command("explain")
@checkpoint_argument
@images_argument
@count_option("--top-k", "Classes to show per image.", default=2, metavar="K")
@count_option("--limit", "Maximum number of images.", default=24)
@output_option("Picture to write: .png or .jpg.", name="output", default="explanation.png")
@device_option
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
    """Plot saliency maps for the most probable classes of each image.

    CHECKPOINT is a trial folder, the checkpoint inside it, or a .safetensors file written by zoo export or zoo import.
    Images are given and preprocessed as for zoo predict. Each image is shown next to one saliency map per class
    (HiResCAM at the last layer with spatial features); bright regions raise the class score, and the map of an
    improbable class is weak: each is multiplied by the probability, and a scale is drawn above. A saliency map shows
    where a model looks, not why, and the maps of a badly trained model look just as convincing.
    """
    from harness.classifiers.predicting import Predictor
    from harness.classifiers.saliency import explain
    from harness.classifiers.trained import load_trained
    from reports.pictures.sheet import draw_sheet
    from zoo.cli.group import FAILED
    from zoo.files.image_files import LeftOut

    path = check_picture_name(output)
    classifier = load_trained(Path(checkpoint), session_of(ctx).catalog())
    predictor = Predictor(classifier, device=device, precision="fp32")
    for note in classifier.notes:
        complain(note)
    skipped = LeftOut()
    sources, num_left = _first(images, limit, skipped)
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
        tell(f"{clean(source.name)}: {clean(classifier.card.classes[best])} {100 * probability:.1f} %")
    if bands:
        shown = 1 + min(top_k, len(classifier.card.classes))
        write_picture(draw_sheet(bands, title=classifier.card.title, side=224, columns=shown, scale=_SCALE), path)
        complain(
            f"wrote {clean(path)}: saliency at {clean(layer)}, resolution {rows} × {columns}; bright raises the score"
        )
        if min(rows, columns) < _COARSE:
            complain("these maps are coarse; training on larger images (data.image_size) gives finer ones")
    for note in skipped.notes():
        complain(note)
    if num_left:
        complain(f"{plural(num_left, 'image')} skipped because --limit is {limit}")
    ctx.exit(FAILED if num_bad else 0)


def _first(arguments: tuple[str, ...], limit: int, skipped: LeftOut) -> tuple[list[ImageSource], int]:
    """Return the first *limit* images, and the number of images skipped."""
    from harness.classifiers.predicting import find_images, lines_of_stdin

    shown: list[ImageSource] = []
    num_left = 0
    for argument in arguments:
        for source in find_images(lines_of_stdin() if argument == "-" else [argument], skipped=skipped):
            if len(shown) < limit:
                shown.append(source)
            else:
                num_left += 1
    return shown, num_left


def _decoded(predictor: Predictor, source: ImageSource) -> NDArray[np.uint8] | str:
    """Return the decoded image, or a sentence saying why it cannot be decoded."""
    from harness.data.image_files.opening import UnreadableImageError, quiet_pillow

    if source.image is None:
        return source.problem
    try:
        with quiet_pillow():
            return predictor.decode(source.image)
    except UnreadableImageError as error:
        return str(error)


def _band(name: str, image_HWC: NDArray[np.uint8], explanation: SaliencyExplanation, classes: tuple[str, ...]) -> Band:
    import numpy as np

    from reports.pictures.sheet import Band, SheetCell, heat

    cells = [SheetCell(image_HWC=image_HWC, lines=(Path(name).name,))]
    for (index, probability), map_HW in zip(explanation.classes, explanation.maps_KHW, strict=True):
        nothing = () if map_HW.any() else ("no positive evidence",)
        cells.append(
            SheetCell(
                image_HWC=heat(image_HWC, map_HW * np.float32(probability)),
                lines=(f"{classes[index]} {100 * probability:.1f} %", *nothing),
            )
        )
    return Band(cells=cells)
