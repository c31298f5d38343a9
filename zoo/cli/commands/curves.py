"""``zoo curves``: plot loss and accuracy over epochs in the terminal."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.cli.display.text import terminal_width
from zoo.text import clean, plural

if TYPE_CHECKING:
    from reports.pictures.braille import Line, Piece
    from reports.pictures.curves import Curves

_STYLES = ("cyan", "yellow", "magenta", "green", "blue", "red", "bright_white", "bright_black")
_LABELS = "abcdefghijklmnopqrstuvwxyz"
_HEIGHT = 12


@click.command("curves")
@click.argument("trials", nargs=-1, required=True, metavar="RUNS/TRIAL...")
@click.option(
    "--format",
    "form",
    type=click.Choice(("chart", "csv", "json")),
    default="chart",
    show_default=True,
    help="Output format.",
)
@click.option("--only", type=click.Choice(("loss", "accuracy")), help="Plot one of the two charts [default: both].")
def command(trials: tuple[str, ...], form: str, only: str | None) -> None:
    """Plot the learning curves of trials in the terminal.

    Loss and accuracy are plotted over epochs, dotted for training and solid for validation. A TRIAL is the folder of a
    trial, finished or running, or a result folder with all its trials. Several trials are labelled by letters.
    """
    from reports.pictures.curves import read_curves, trial_folders
    from zoo.errors import ManyErrors, UsageError, ZooError

    found: list[Curves] = []
    errors: list[ZooError] = []
    for folder in trial_folders(map(Path, trials)):
        try:
            found.append(read_curves(folder))
        except ZooError as error:
            errors.append(error)
    ManyErrors.raise_if(errors)
    if form == "json":
        click.echo(json.dumps([_entry(each) for each in found], indent=2))
    elif form == "csv":
        _write_csv(found)
    elif len(found) > len(_LABELS):
        raise UsageError(
            f"a chart can show at most {len(_LABELS)} trials, not {len(found)}: name some of them, or use --format csv"
        )
    else:
        _show(found, [only] if only else ["loss", "accuracy"])


def _show(found: Sequence[Curves], kinds: Sequence[str]) -> None:
    from reports.pictures.braille import draw_chart

    width = min(terminal_width() or 80, 100)
    for kind in kinds:
        lines = [line for number, each in enumerate(found) for line in _lines(each, kind, number, len(found))]
        _print([[_piece(kind, "bold")]])
        _print(draw_chart(lines, width=width, height=_HEIGHT, percent=kind == "accuracy"))
    for number, each in enumerate(found):
        label = f"{_LABELS[number]}  " if len(found) > 1 else ""
        name, summary = clean(f"{label}{each.title}"), _summary(each)
        style = _STYLES[number % len(_STYLES)]
        if len(name) + 2 + len(summary) <= width:
            _print([[_piece(f"{name}: {summary}", style)]])
        else:
            _print([[_piece(name, style)], [_piece(" " * len(label) + summary, style)]])
    _print([[_piece("dotted: training; solid: validation", "dim")]])


def _lines(each: Curves, kind: str, number: int, count: int) -> list[Line]:
    from reports.pictures.braille import Line

    style = _STYLES[number % len(_STYLES)]
    return [
        Line(points=each.points(f"train_{kind}"), style=style, dotted=True),
        Line(points=each.points(f"val_{kind}"), style=style, label=_LABELS[number] if count > 1 else ""),
    ]


def _summary(each: Curves) -> str:
    """Return the best validation accuracy and its epoch in words."""
    accuracies = each.points("val_accuracy")
    if not accuracies:
        return plural(len(each.epochs), "epoch")
    epoch, best = max(accuracies, key=lambda point: (point[1], -point[0]))
    return f"best validation accuracy {100 * best:.1f} % in epoch {epoch:g} of {each.epochs[-1]}"


def _entry(each: Curves) -> dict[str, object]:
    return {"trial": each.name, "title": each.title, "epoch": each.epochs, **each.values}


def _write_csv(found: Sequence[Curves]) -> None:
    from reports.pictures.curves import MEASURES
    from reports.render.csv import safe_cell

    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(["trial", "epoch", *MEASURES])
    for each in found:
        for place, epoch in enumerate(each.epochs):
            values = [each.values[measure][place] for measure in MEASURES]
            rows.writerow([safe_cell(each.name), epoch, *("" if value is None else value for value in values)])


def _piece(text: str, style: str) -> Piece:
    from reports.pictures.braille import Piece

    return Piece(text=text, style=style)


def _print(rows: Sequence[Sequence[Piece]]) -> None:
    """Print rows, with colours if the terminal supports them."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for row in rows:
        line = Text()
        for piece in row:
            line.append(piece.text, style=piece.style)
        line.rstrip()
        console.print(line)
