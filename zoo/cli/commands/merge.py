"""``zoo merge``: the trials of several stores in one."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.cli.session import complain
from zoo.text import plural


@click.command("merge")
@click.argument("runs", nargs=-1, required=True, metavar="RUNS...")
@click.option("-o", "--out", required=True, metavar="FOLDER", help="Where the trials go; it may hold some already.")
@click.pass_context
def command(ctx: click.Context, /, runs: tuple[str, ...], out: str) -> None:
    """Copy the trials of RUNS into one folder, checking every file against its sum.

    A trial that is in two of them with different results is told of, and the first one stays. Exit code 1 if there was
    such a clash, or a folder was refused.
    """
    from harness.records.merging import merge
    from harness.records.store import Store
    from zoo.cli.group import FAILED

    summary = merge([Path(run) for run in runs], Store(Path(out)))
    click.echo(f"{plural(summary.added, 'trial')} added, {summary.known} known already", err=True)
    for sentence in summary.clashes:
        complain(f"clash: {sentence}")
    for sentence in summary.refused:
        complain(f"refused: {sentence}")
    ctx.exit(FAILED if summary.clashes or summary.refused else 0)
