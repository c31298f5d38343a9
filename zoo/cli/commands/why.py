"""``zoo why``: show which settings differ between two trials, or between a trial and today."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.cli.session import plugin_options, session_of, tell
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
    """Show which settings differ between two trials.

    RUN and OTHER are folders of single trials. Given RUN alone, show what would make the same command run the trial
    again today. The dataset is not read, so changes of its content are not found.
    """
    from harness.records.key_diff import differences_from_today, measurement_differences, result_differences
    from zoo.errors import StoreError

    record = _read(run)
    if other is None:
        if record.origin is not None and not record.origin.has_network:
            raise StoreError(f"{run} was not run, so nothing would run it again: {record.origin.word}")
        differences = differences_from_today(record, session_of(ctx).catalog())
        if not differences:
            tell("nothing: the same command reuses this trial, unless the content of the dataset has changed")
        else:
            tell("the same command runs this trial again, because of these changes (then → today):")
            _show(differences)
        return
    right = _read(other)
    differences = result_differences(record, right)
    if differences:
        tell("the results differ because of these settings:")
        _show(differences)
    else:
        tell("the results are the same: all settings that can change a prediction are equal")
    if any(each.origin is not None and each.speed is None for each in (record, right)):
        tell("speeds are not comparable: one of the two has none")
        return
    differences = measurement_differences(record, right)
    if differences:
        tell("speeds are not comparable because of these settings:")
        _show(differences)
    else:
        tell("speeds are comparable: all settings that can change them are equal")


def _read(run: str) -> Record:
    from harness.records.store import RECORD_FILE, read_record, trial_folder

    return read_record(trial_folder(Path(run)) / RECORD_FILE)


def _show(differences: list[FieldDifference]) -> None:
    for each in differences:
        tell(f"  {clean(each.field)}: {_text(each.left)} → {_text(each.right)}")


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    text = clean(text)
    return text if len(text) <= 40 else text[:16] + "…"
