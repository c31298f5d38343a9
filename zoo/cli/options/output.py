"""Options that say how results are shown, and where they are written."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
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
        help="Output format.",
    )(function)


def output_option(
    text: str, *, name: str = "out", metavar: str = "FILE", default: str | None = None, required: bool = False
) -> Callable[[FunctionT], FunctionT]:
    """Return a decorator that adds ``-o``, ``--out``: where a command writes, in all commands alike.

    Args:
        text: One line of help.
        name: The parameter that takes its value.
        metavar: ``FILE`` or ``FOLDER``.
        default: Its default, which the help shows.
        required: Whether it must be given.
    """
    # click takes None for a default, with which a required option may be left out.
    given: dict[str, Any] = {} if default is None else {"default": default}
    return click.option(
        "-o",
        "--out",
        name,
        required=required,
        show_default=default is not None,
        metavar=metavar,
        help=text,
        **given,
    )


def quiet_option(text: str) -> Callable[[FunctionT], FunctionT]:
    """Return a decorator that adds ``-q``, ``--quiet``; *text* says what is printed still."""
    return click.option("-q", "--quiet", is_flag=True, help=text)


def report_options(function: FunctionT) -> FunctionT:
    """Add the options of a ranked table. They stay text here, and are checked with all other options."""
    function = click.option(
        "--format",
        "form",
        default="table",
        metavar="FORMAT",
        help=f"Output format: {', '.join(REPORT_FORMATS)} [default: table].",
    )(function)
    function = click.option(
        "--columns", multiple=True, metavar="NAMES", help="Comma-separated columns to show, in order."
    )(function)
    function = click.option("--brief", is_flag=True, help="Print only the table, without notes and legend.")(function)
    return click.option("--sort-by", metavar="COLUMN", help="Column to sort by [default: accuracy].")(function)


def split_commas(values: tuple[str, ...]) -> list[str]:
    """Return the items of an option that takes a comma-separated list and may be repeated."""
    return [item.strip() for value in values for item in value.split(",") if item.strip()]


def is_stream(path: Path) -> bool:
    """Return whether ``--out`` names a device, a pipe or an open file of the process, which no file may replace.

    These are ``/dev/null``, ``/dev/stdout``, and what a shell makes of ``>(command)``.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    special = not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
    return special or (path.is_symlink() and path.absolute().parts[1:2] in (("dev",), ("proc",)))


def write_text(path: Path, text: str) -> None:
    """Write what ``--out`` asks for, whole or not at all unless it is a stream.

    Raises:
        StoreError: If it cannot be written.
    """
    from harness.system.atomic_files import write_bytes
    from zoo.errors import StoreError

    content = text.encode("utf-8", "replace")
    try:
        if is_stream(path):
            with path.open("wb") as stream:
                stream.write(content)
        else:
            write_bytes(path, content)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
