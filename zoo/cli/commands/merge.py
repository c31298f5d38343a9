"""``zoo merge``: merge result folders."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.cli.options.output import output_option
from zoo.cli.session import complain
from zoo.text import plural


@click.command("merge")
@click.argument("runs", nargs=-1, required=True, metavar="RUNS...")
@output_option("Target folder; it may already hold trials.", metavar="FOLDER", required=True)
@click.pass_context
def command(ctx: click.Context, /, runs: tuple[str, ...], out: str) -> None:
    """Merge result folders into one, verifying the checksum of every file.

    If two folders hold different results of a trial, the first one is kept. The exit code is 1 if there was such a
    conflict, or if a trial was rejected.
    """
    from harness.records.merging import merge
    from harness.records.store import Store
    from zoo.cli.group import FAILED

    summary = merge([Path(run) for run in runs], Store(Path(out)))
    click.echo(f"{plural(summary.added, 'trial')} added, {summary.known} already there", err=True)
    for sentence in summary.clashes:
        complain(f"conflict: {sentence}")
    for sentence in summary.refused:
        complain(f"rejected: {sentence}")
    ctx.exit(FAILED if summary.clashes or summary.refused else 0)
