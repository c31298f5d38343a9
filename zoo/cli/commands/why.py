"""``zoo why``: what sets two trials apart, or a trial from what would run today."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.cli.session import plugin_options, session_of
from zoo.text import clean

if TYPE_CHECKING:
    from harness.records.key_diff import FieldDifference
    from harness.records.record import Record


@click.command("why")
@click.argument("run", metavar="RUN")
@click.argument("other", required=False, metavar="[OTHER]")
@plugin_options
@click.pass_context
def command(ctx: click.Context, /, run: str, other: str | None) -> None:
    """Say which fields set two trials apart: RUN and OTHER are folders of single trials.

    With RUN alone: what would make the same command run it again today, the dataset's content apart, which only
    reading it can tell.
    """
    from harness.records.key_diff import differences_from_today, measurement_differences, result_differences

    record = _read(run)
    if other is None:
        differences = differences_from_today(record, session_of(ctx).catalog())
        if not differences:
            click.echo("nothing: the same command reuses it, unless the dataset's content changed")
        else:
            click.echo("the same command runs it again, because these changed (then → today):")
            _show(differences)
        return
    right = _read(other)
    differences = result_differences(record, right)
    if differences:
        click.echo("different results, because these differ:")
        _show(differences)
    else:
        click.echo("the same result: all that can change a prediction is equal")
    differences = measurement_differences(record, right)
    if differences:
        click.echo("speeds cannot be compared, because these differ:")
        _show(differences)
    else:
        click.echo("speeds can be compared: all that can change one is equal")


def _read(run: str) -> Record:
    from harness.records.store import RECORD_FILE, read_record
    from zoo.errors import StoreError

    path = Path(run)
    path = path if path.name == RECORD_FILE else path / RECORD_FILE
    if not path.is_file():
        raise StoreError(f"{run} is not the folder of a trial: it has no {RECORD_FILE}")
    return read_record(path)


def _show(differences: list[FieldDifference]) -> None:
    for each in differences:
        click.echo(f"  {clean(each.field)}: {_text(each.left)} → {_text(each.right)}")


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    text = clean(text)
    return text if len(text) <= 40 else text[:16] + "…"
