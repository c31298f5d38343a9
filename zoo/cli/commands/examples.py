"""``zoo examples``: plot test images that a trial classified correctly, wrongly and least confidently."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.cli.display.pictures import check_picture_name, write_picture
from zoo.cli.options.output import output_option
from zoo.cli.session import complain
from zoo.text import clean


@click.command("examples")
@click.argument("trials", nargs=-1, required=True, metavar="RUNS/TRIAL...")
@click.option(
    "--each", default=8, show_default=True, type=click.IntRange(min=1, max=100), metavar="N", help="Images per group."
)
@output_option("Picture to write: .png or .jpg.", name="output", default="examples.png")
def command(trials: tuple[str, ...], each: int, output: str) -> None:
    """Plot test images that a trial classified wrongly, least confidently and correctly.

    The picture has three groups: the most confident mistakes, the least confident predictions, and the most confident
    correct ones. Each image is captioned with the predicted class and its probability, and with the true class if
    that differs. Several trials must be seeds of the same combination; their probabilities are averaged. Images
    come from the cache of decoded datasets and predictions from the trial folders, so no model is run.
    """
    from harness.records.store import trial_folder
    from reports.pictures.examples_sheet import examples_sheet
    from reports.trials.reading import read_trials
    from zoo.errors import StoreError
    from zoo.files.cache import decoded_root

    path = check_picture_name(output)
    read, problems = read_trials([trial_folder(Path(trial)) for trial in trials])
    if problems:
        raise StoreError("; ".join(problems))
    unfinished = next((record for _, record in read if record.outcome.value != "done"), None)
    if unfinished is not None:
        raise StoreError(f"{unfinished.trial_id} has no predictions: {unfinished.reason or unfinished.outcome.value}")
    write_picture(examples_sheet(read, cache=decoded_root(), num_each=each), path)
    complain(f"wrote {clean(path)}: correct predictions are framed in green, wrong ones in red")
