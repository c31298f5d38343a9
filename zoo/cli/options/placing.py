"""Options that say where trials run, how many at a time, and where datasets are stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zoo.cli.options.completing import complete_names

if TYPE_CHECKING:
    from harness.bench.settings import RemoteRequest
    from harness.bench.slots import SlotRequest
    from zoo.catalog import Catalog

_KEY_VALUE = "expected NAME=VALUE, such as --executor-option address=auto"

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

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


def slots_of(params: dict[str, Any]) -> SlotRequest:
    """Return how many trials run at a time, and on which devices.

    Raises:
        UsageError: With every invalid value.
    """
    from harness.bench.slots import SlotRequest
    from zoo.cli.options.selecting import attempt
    from zoo.errors import ManyErrors, ZooError

    errors: list[ZooError] = []
    jobs = attempt(lambda: _count("--jobs", params["jobs"]), errors)
    jobs_per_device = attempt(lambda: _count("--jobs-per-device", params["jobs_per_device"]), errors)
    devices = attempt(lambda: _devices(params["devices"]), errors)
    ManyErrors.raise_if(errors)
    return SlotRequest(jobs=jobs, devices=devices, jobs_per_device=jobs_per_device or 1)


def remote_of(params: dict[str, Any], catalog: Catalog) -> RemoteRequest | None:
    """Return the executor that runs the trials, with its options; None: this machine runs them.

    Raises:
        UsageError: With every mistake in the options.
    """
    from harness.bench.settings import RemoteRequest
    from zoo.cli.options.selecting import attempt
    from zoo.errors import ManyErrors, UsageError, ZooError
    from zoo.options import parse_value, resolve_options

    given: dict[str, Any] = {}
    errors: list[ZooError] = []
    for text in params["executor_options"]:
        key, equals, value = text.partition("=")
        if equals and key.strip():
            given[key.strip()] = parse_value(value)
        else:
            errors.append(UsageError(f"--executor-option {text}: {_KEY_VALUE}"))
    if params["address"] is not None:
        given["address"] = params["address"]
    if params["executor"] is None:
        if given:
            named = ", ".join(given)
            errors.append(UsageError(f"{named}: an option of an executor needs --executor (zoo list executors)"))
        ManyErrors.raise_if(errors)
        return None
    entry = attempt(lambda: catalog.executors.get(params["executor"]), errors)
    options = None
    if entry is not None:
        owner = f"executor {entry.display_name}"
        options = attempt(lambda: resolve_options(entry.record.options, given, owner=owner), errors)
    ManyErrors.raise_if(errors)
    assert entry is not None  # else there were errors
    return RemoteRequest(executor=entry.record, options=options or {}, data_root=params["data_root"])


def _count(option: str, text: str | None) -> int | None:
    from zoo.errors import UsageError

    if text is None or (text == "auto" and option == "--jobs"):
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1024:
        raise UsageError(
            f"{option} {text}: expected {'auto or ' if option == '--jobs' else ''}a whole number from 1 to 1024"
        )
    return int(text)


def _devices(text: str | None) -> tuple[int, ...] | None:
    from zoo.errors import UsageError

    if text is None:
        return None
    if text.strip() == "all":
        return ()
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise UsageError(f"--devices {text}: expected comma-separated numbers, such as 0,1,3, or all")
    indices = [int(part) for part in parts]
    if len(set(indices)) < len(indices):
        raise UsageError(f"--devices {text}: a device is given twice")
    return tuple(indices)


def data_root_option(function: FunctionT) -> FunctionT:
    """Add ``--data-root`` to a command that reads datasets."""
    return click.option(
        "--data-root", metavar="FOLDER", help="Folder of the datasets [default: $ZOO_DATA, else in the cache]."
    )(function)
