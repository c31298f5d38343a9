"""``zoo diff``: compare two result sets. It loads neither torch nor plugins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from zoo.cli.display.text import terminal_width
from zoo.cli.options.output import output_option, split_commas, write_text
from zoo.cli.session import complain

if TYPE_CHECKING:
    from reports.trials.reading import Trial
    from zoo.errors import ZooError

_FORMAT_OF_SUFFIX = {".csv": "csv", ".json": "json", ".md": "markdown"}


@click.command("diff")
@click.argument("before", metavar="BEFORE")
@click.argument("after", metavar="AFTER")
@click.option("--margin", default="1", show_default=True, metavar="POINTS", help="Equivalence margin of accuracy.")
@click.option("--max-accuracy-drop", metavar="POINTS", help="Exit with 1 if accuracy fell by significantly more.")
@click.option("--max-slowdown", metavar="RATIO", help="Exit with 1 if the slowdown is significantly larger.")
@click.option(
    "--format",
    "form",
    default="table",
    metavar="FORMAT",
    help="Output format: table, csv, json, markdown [default: table].",
)
@output_option("Write to a file; its suffix selects the format.", name="output")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    before: str,
    after: str,
    margin: str,
    max_accuracy_drop: str | None,
    max_slowdown: str | None,
    form: str,
    output: str | None,
) -> None:
    """Compare two result sets, for example of two torch versions, commits or machines.

    BEFORE and AFTER are result folders (--out of zoo bench) or single trials in them; separate several by commas.
    Results are compared cell by cell, a cell being a model, a dataset and a recipe. The change in accuracy is tested on
    the same test images and gets a verdict (equivalent, regression, improvement, undecided); the change in speed is
    shown with an interval.

    The exit code is 1 if a cell significantly exceeds a limit, if a cell could not be checked against
    --max-accuracy-drop, or if a record could not be read.
    """
    from reports.comparison.difference import compare
    from reports.render.difference import FORMATS, render_difference
    from zoo.cli.group import FAILED
    from zoo.errors import ManyErrors, UnknownNameError
    from zoo.names import near_names

    if output and ctx.get_parameter_source("form") is ParameterSource.DEFAULT:
        form = _FORMAT_OF_SUFFIX.get(Path(output).suffix.lower(), form)
    errors: list[ZooError] = []
    problems: list[str] = []
    sides = [_read(runs, errors, problems) for runs in (before, after)]
    margin_points = _number("--margin", margin, errors, low=0.0, high=100.0, is_low_allowed=False)
    drop_points = _number("--max-accuracy-drop", max_accuracy_drop, errors, low=0.0, high=100.0)
    slowdown = _number("--max-slowdown", max_slowdown, errors, low=1.0, high=1e6)
    if form not in FORMATS:
        hint = f"(formats: {', '.join(FORMATS)})"
        errors.append(UnknownNameError("format", form, near=near_names(form, FORMATS), hint=hint))
    ManyErrors.raise_if(errors)
    assert margin_points is not None, "it has a default"
    difference = compare(
        *sides,
        names=(before, after),
        margin=margin_points / 100,
        max_accuracy_drop=None if drop_points is None else drop_points / 100,
        max_slowdown=slowdown,
        notes=[f"left out: {problem}" for problem in problems],
    )
    if output:
        write_text(Path(output), render_difference(difference, form))
    else:
        click.echo(render_difference(difference, form, width=terminal_width()), nl=False)
    for problem in problems:
        complain(f"left out: {problem}")
    for alarm in difference.alarms:
        complain(alarm)
    ctx.exit(FAILED if problems or difference.alarms else 0)


def _read(runs: str, errors: list[ZooError], problems: list[str]) -> list[Trial]:
    """Return the trials of folders separated by commas; a folder whose own name has a comma is one folder."""
    from reports.trials.reading import read_trials
    from zoo.api.choosing import attempt
    from zoo.errors import UsageError

    paths = [runs] if Path(runs).is_dir() else split_commas((runs,))
    if not paths:
        errors.append(UsageError("a set of records is a folder, or several separated by commas; one set is empty"))
    read = attempt(lambda: read_trials(map(Path, paths)), errors)
    if read is None:
        return []
    trials, unreadable = read
    problems.extend(each for each in unreadable if each not in problems)
    return trials


def _number(
    option: str, text: str | None, errors: list[ZooError], *, low: float, high: float, is_low_allowed: bool = True
) -> float | None:
    """Return a number within bounds, or None and an error if it is none."""
    from zoo.errors import UsageError

    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if low <= number <= high and (is_low_allowed or number > low):
        return number
    bounds = f"from {low:g} to {high:g}" if is_low_allowed else f"above {low:g} and at most {high:g}"
    errors.append(UsageError(f"{option} {text}: it must be a number {bounds}"))
    return None
