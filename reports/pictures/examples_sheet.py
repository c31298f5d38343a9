"""The sheet of examples: test images with confident and uncertain predictions, drawn as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from reports.pictures.examples import choose_examples
from reports.pictures.sheet import Band, SheetCell, draw_sheet
from reports.pictures.thumbnails import find_thumbnails
from reports.trials.evidence import read_evidence
from reports.trials.grouping import group_trials
from reports.trials.reading import Trial
from zoo.errors import StoreError


def examples_sheet(trials: Sequence[Trial], *, cache: Path, num_each: int) -> Image.Image:
    """Draw example predictions of *trials*, the seeds of one row, from the mean of their probabilities.

    Args:
        trials: At least one trial; all tested on the same images.
        cache: Cache of decoded datasets, which provides the images.
        num_each: Number of images of each kind.

    Raises:
        StoreError: If the trials are not of one row, or predictions or images are missing.
    """
    if len(trials) > 1 and len(group_trials(trials)) > 1:
        raise StoreError("these trials are not seeds of one row: their models, datasets, recipes or settings differ")
    evidence = read_evidence(trials)
    if isinstance(evidence, str):
        raise StoreError(f"there are no examples to show: {evidence}")
    record = trials[0][1]
    info = record.data
    # The images of all folds are stored together, under the fingerprint of the whole dataset.
    images = find_thumbnails(cache, (info.whole_fingerprint or info.fingerprint) if info else "")
    if images is None and info is not None and info.image_size is None:
        raise StoreError(f"{record.spec.title} was added with a file of labels, without the images themselves")
    if images is None:
        raise StoreError(
            f"the test images of {record.spec.title} are not in {cache}; run the same zoo bench again to decode them"
        )
    bands = []
    for title, chosen in choose_examples(evidence, num_each):
        cells = []
        for image in chosen.tolist():
            pixels_HWC = images.pixels(int(evidence.samples_N[image]))
            if pixels_HWC is None:
                raise StoreError(f"a test image of {record.spec.title} is not in {cache}")
            probabilities_K = evidence.probabilities_NK[image]
            called, true = int(probabilities_K.argmax()), int(evidence.labels_N[image])
            is_right = called == true
            called_share, true_share = (
                f", {100 * probabilities_K[each]:.0f} %" if evidence.has_scores else "" for each in (called, true)
            )
            second = f"is {evidence.classes[true]}{true_share}"
            cells.append(
                SheetCell(
                    image_HWC=pixels_HWC,
                    lines=(
                        f"{evidence.classes[called]}{called_share}",
                        "" if is_right else second,
                    ),
                    mark="right" if is_right else "wrong",
                )
            )
        bands.append(Band(title=title, cells=cells))
    spec = record.spec
    seeds = ", ".join(str(each.spec.seed) for _, each in trials)
    title = f"{spec.title}" if len(trials) == 1 else f"{spec.title.rpartition(' · seed ')[0]} · seeds {seeds}"
    return draw_sheet(
        bands, title=f"{title}: {100 * evidence.mean:.1f} % of {len(evidence.labels_N):,} right", side=128
    )
