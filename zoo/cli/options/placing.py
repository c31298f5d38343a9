"""Options that say where trials run, how many at a time, and where datasets are stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from zoo.cli.options.completing import complete_names

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

DATA_ROOT_HELP = "Folder of the datasets [default: $ZOO_DATA, else in the cache]"

_OPTIONS: tuple[tuple[str, str, str], ...] = (
    ("--jobs", "N", "Trials at a time [default: auto, which is one per GPU, and on a CPU as many as fill its cores]."),
    ("--devices", "LIST", "GPUs to use, such as 0,1,3 or all [default: that of --device]."),
    ("--jobs-per-device", "K", "Trials that share a GPU; speed is still measured one at a time [default: 1]."),
)


def placing_options(function: FunctionT) -> FunctionT:
    """Add the options that say where trials run."""
    for name, placeholder, text in reversed(_OPTIONS):
        function = click.option(name, metavar=placeholder, help=text)(function)
    function = click.option(
        "--executor-option",
        "executor_options",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set an option of the executor.",
    )(function)
    function = click.option("--address", metavar="ADDRESS", help="Short for --executor-option address=ADDRESS.")(
        function
    )
    return click.option(
        "--executor",
        metavar="NAME",
        shell_complete=complete_names("executors"),
        help="Run trials on other machines (see zoo list executors).",
    )(function)


def data_root_option(function: FunctionT) -> FunctionT:
    """Add ``--data-root`` to a command that reads datasets."""
    return click.option("--data-root", metavar="FOLDER", help=f"{DATA_ROOT_HELP}.")(function)


def dataset_places(function: FunctionT) -> FunctionT:
    """Add ``--data-root`` and ``--offline`` to a command that may download datasets."""
    return data_root_option(click.option("--offline", is_flag=True, help="Download nothing.")(function))
