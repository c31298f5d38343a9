"""Options that say how something is shown, and where it goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

REPORT_FORMATS = ("table", "csv", "json", "markdown", "latex")


def listing_format(function: FunctionT) -> FunctionT:
    """Add ``--format table|json`` to a command that lists."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(("table", "json")),
        default="table",
        show_default=True,
        help="How to show it.",
    )(function)


def report_options(function: FunctionT) -> FunctionT:
    """Add the options of a ranked table. They are checked with all else, so here they are mere text."""
    function = click.option(
        "--format", "form", default="table", metavar="FORMAT", help=f"{', '.join(REPORT_FORMATS)} [default: table]."
    )(function)
    function = click.option("--columns", multiple=True, metavar="NAMES", help="Columns to show, in order.")(function)
    return click.option("--sort-by", metavar="COLUMN", help="Column to sort by [default: accuracy].")(function)


def split_commas(values: tuple[str, ...]) -> list[str]:
    """Return the items of ``--option a,b --option c``."""
    return [item.strip() for value in values for item in value.split(",") if item.strip()]
