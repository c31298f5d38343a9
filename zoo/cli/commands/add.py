"""``zoo add``: rank predictions that were made elsewhere."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli.options.class_names import classes_of
from zoo.cli.options.completing import complete_names
from zoo.cli.options.output import output_option, quiet_option
from zoo.cli.options.placing import dataset_places
from zoo.cli.session import complain, plugin_options, session_of, tell
from zoo.names import DEFAULT_RUNS
from zoo.text import clean, plural

if TYPE_CHECKING:
    from harness.given.adding import AddedRow
    from zoo.api.adding import AddOrder

_NUMBERS = ("limit_train", "limit_test", "val_fraction")


@click.command("add")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--data",
    metavar="NAME",
    shell_complete=complete_names("datasets"),
    help="Dataset whose test images were predicted; with --labels, only its name.",
)
@click.option("--labels", metavar="FILE", help="File with id and label of each test image, instead of the dataset.")
@click.option(
    "--classes",
    metavar="FILE|N|NAMES",
    help="Class names for --labels: a file with one name per line, a number, or comma-separated names.",
)
@click.option("--name", metavar="NAME", help="Name of the row of a single file [default: that of the file].")
@click.option(
    "--scores",
    type=click.Choice(("probabilities", "logits")),
    help="What the scores are [default: by the names of the columns, or by the values].",
)
@output_option("Folder of the records.", metavar="FOLDER", default=DEFAULT_RUNS)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting of the dataset.")
@click.option("--limit-train", metavar="N", help="Maximum number of training images, as in the bench to join.")
@click.option("--limit-test", metavar="N", help="Maximum number of test images, as in the bench to join.")
@click.option("--val-fraction", metavar="SHARE", help="Share of validation images, as in the bench to join.")
@dataset_places
@quiet_option("Print only warnings.")
@plugin_options
@click.pass_context
def command(ctx: click.Context, /, files: tuple[str, ...], quiet: bool, **params: Any) -> None:
    """Rank predictions that were made elsewhere.

    FILE is a CSV, Parquet, NPZ or JSON file with an id for each test image and its predicted class, or a probability
    or logit for each class. Ids are the dataset's sample ids, file names, or SHA-256 of the image files. Classes are
    names, or numbers from 0. Nothing in a file is run.

    Each file becomes a row marked as predictions only. It has no speed, and without scores no metric that needs them.
    With --data, the row joins the table of the rows that were trained here. Every test image needs one prediction;
    otherwise nothing is added, and the ids are named.
    """
    from harness.given.adding import add_predictions
    from harness.given.scores import ScoreKind
    from harness.records.store import Store
    from zoo.api.adding import ranked

    order = _order(params)
    given = [Path(file) for file in files]
    paths = order.predictions_among(given)
    if len(paths) < len(given):
        complain(f"left out: {order.labels} is the file of labels")
    order.check(paths, params["name"])
    catalog = session_of(ctx).catalog()

    def report(message: str, share: float | None) -> None:
        if share is None and not quiet:
            tell(clean(message), err=True)

    # Whatever a dataset prints while it loads must not end up in the output.
    with contextlib.redirect_stdout(sys.stderr):
        images = order.test_images(catalog, report)
    scores = None if params["scores"] is None else ScoreKind(params["scores"])
    store = Store(Path(params["out"]))
    added = add_predictions(store, paths, images, list(catalog.metrics), name=params["name"], scores=scores)
    result = ranked(store.root, catalog, added)
    for row in added:
        for note in row.record.warnings:
            complain(note)
        if not quiet:
            tell(_line(row))
    for note in result.notes:
        complain(note)
    if not quiet:
        tell(f"zoo rank {clean(store.root)} ranks {plural(len(result.leaderboard.rows), 'row')}", err=True)


def _order(params: dict[str, Any]) -> AddOrder:
    from zoo.api.adding import AddOrder
    from zoo.api.choosing import attempt
    from zoo.cli.options.selecting import parse_overrides
    from zoo.errors import ManyErrors, ZooError
    from zoo.options import parse_value

    errors: list[ZooError] = []
    settings: dict[str, Any] = {"set": parse_overrides(params["overrides"], errors)}
    settings |= {key: parse_value(params[key]) for key in _NUMBERS if params[key] is not None}
    classes = None if params["classes"] is None else attempt(lambda: classes_of(params["classes"]), errors)
    ManyErrors.raise_if(errors)
    return AddOrder(
        data=params["data"],
        labels=None if params["labels"] is None else Path(params["labels"]),
        classes=classes or (),
        settings=settings,
        data_root=params["data_root"],
        offline=params["offline"],
        origin="the command line",
    )


def _line(row: AddedRow) -> str:
    record = row.record
    accuracy = record.metrics["accuracy"].value if "accuracy" in record.metrics else None
    assert record.data is not None, "the record of predictions describes their images"
    shown = "no accuracy" if accuracy is None else f"accuracy {100 * accuracy:.2f} %"
    has_scores = record.origin is not None and record.origin.has_scores
    parts = [
        shown,
        f"{record.data.num_test:,} test images by {row.aligned_by}",
        "with scores" if has_scores else "classes only",
        *([] if row.is_new else ["already there"]),
    ]
    return f"{clean(record.spec.architecture.display_name)}: {', '.join(parts)}"
