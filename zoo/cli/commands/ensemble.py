"""``zoo ensemble``: rank the mean probabilities of trained networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.cli.options.counts import count_option
from zoo.cli.options.output import output_option, quiet_option
from zoo.cli.session import complain, plugin_options, session_of, tell
from zoo.names import DEFAULT_RUNS
from zoo.text import clean, plural

if TYPE_CHECKING:
    from harness.records.record import Record


@click.command("ensemble")
@click.argument("runs", nargs=-1, metavar="[RUNS]...")
@click.option(
    "--over",
    type=click.Choice(("seeds", "folds", "models")),
    required=True,
    help="What the members of an ensemble differ in.",
)
@click.option(
    "--select",
    type=click.Choice(("all", "greedy")),
    default="all",
    show_default=True,
    help="Average all members, or those that greedy selection chooses.",
)
@count_option("--rounds", "Number of networks that greedy selection adds, with replacement [default: 50].")
@click.option("--on", metavar="NAME", help="Further test set to average folds on [default: the only one].")
@output_option("Folder of the ensembles [default: the first of RUNS].", metavar="FOLDER")
@quiet_option("Print only warnings.")
@plugin_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    runs: tuple[str, ...],
    over: str,
    select: str,
    rounds: int | None,
    on: str | None,
    out: str | None,
    quiet: bool,
) -> None:
    """Average the probabilities of trained networks, and rank the result.

    RUNS are result folders or single trials in them [default: runs]. --over seeds makes an ensemble of each row;
    --over models one for each dataset, from the trial of each row with the best validation accuracy; --over folds one
    for each seed of a cross-validation, on a test set that no fold was trained on (--test-also of zoo bench).

    Saved predictions are averaged, so nothing is run. Parameters, multiply-accumulates and inference times are the sums
    over the members. Greedy selection (Caruana et al., 2004) chooses members, with replacement, by the negative
    log-likelihood of the validation images; the test images choose nothing.
    """
    from zoo.api.ensembling import EnsembleOrder

    order = EnsembleOrder(
        runs=tuple(map(Path, runs or (DEFAULT_RUNS,))),
        over=over,
        select=select,
        rounds=rounds,
        on=on,
        out=None if out is None else Path(out),
    )
    result = order.carry_out(session_of(ctx).catalog())
    for sentence in result.skipped:
        complain(f"left out: {sentence}")
    for record, is_new in result.made:
        for warning in record.warnings:
            complain(warning)
        if not quiet:
            tell(_line(record, is_new))
    if not quiet:
        rows = plural(len(result.leaderboard.rows), "row")
        tell(f"zoo rank {clean(result.store)} ranks {rows}", err=True)


def _line(record: Record, is_new: bool) -> str:
    assert record.origin is not None, "an ensemble has an origin"
    accuracy = record.metrics["accuracy"].value if "accuracy" in record.metrics else None
    shown = "no accuracy" if accuracy is None else f"accuracy {100 * accuracy:.2f} %"
    weights = record.spec.architecture.options.get("weights")
    parts = [clean(record.spec.architecture.display_name), clean(record.spec.dataset.display_name)]
    ending = "" if is_new else ", already there"
    members = f" ({clean(weights)})" if weights else ""
    return f"{' on '.join(parts)}: {shown}{members}{ending}"
