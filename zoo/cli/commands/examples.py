"""``zoo examples``: a picture of test images that a trial got right and wrong, and was least sure of."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.cli.display.pictures import check_picture_name, write_picture
from zoo.cli.session import complain
from zoo.text import clean


@click.command("examples")
@click.argument("trials", nargs=-1, required=True, metavar="RUNS/TRIAL...")
@click.option("--each", default=8, show_default=True, type=click.IntRange(min=1, max=100), help="Images of each kind.")
@click.option(
    "-o", "--out", "output", default="examples.png", show_default=True, metavar="FILE", help="A .png or .jpg."
)
def command(trials: tuple[str, ...], each: int, output: str) -> None:
    """Draw test images that a trial is wrong about and sure, least sure of, and right about and sure.

    Below each stands what the trial says with its probability, and what it is where that is something else. Several
    TRIALS are taken for seeds of one row: their probabilities are averaged. Images come from the cache of decoded data
    sets, predictions from the trial's folder; nothing is run.
    """
    from harness.records.store import RECORD_FILE
    from reports.pictures.examples_sheet import examples_sheet
    from reports.trials.reading import read_trials
    from zoo.cache import decoded_root
    from zoo.errors import StoreError

    path = check_picture_name(output)
    for trial in trials:
        if not (Path(trial) / RECORD_FILE).is_file():
            raise StoreError(f"{trial} is not the folder of a trial: it has no {RECORD_FILE}")
    read, problems = read_trials([Path(trial) for trial in trials])
    if problems:
        raise StoreError("; ".join(problems))
    unfinished = next((record for _, record in read if record.outcome.value != "done"), None)
    if unfinished is not None:
        raise StoreError(f"{unfinished.trial_id} gave no predictions: {unfinished.reason or unfinished.outcome.value}")
    write_picture(examples_sheet(read, cache=decoded_root(), num_each=each), path)
    complain(f"{clean(path)}: what the trial says of each image; framed green where it is right, red where it is wrong")
