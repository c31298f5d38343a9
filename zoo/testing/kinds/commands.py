"""Checks of commands; the table in :mod:`zoo.testing.checks` gives their rationales.

Only help and errors of usage are tried: what a command does without arguments is not known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click
from click.testing import CliRunner, Result

from zoo.testing.check_errors import CheckFailedError, NotApplicableError
from zoo.testing.global_state import require_no_side_effects
from zoo.testing.subjects import Subject

_NO_OPTION = "--no-command-has-this-option"
_USAGE = 2
"""Exit code of click and of zoo for wrong usage."""


def command_has_help(subject: Subject[click.Command]) -> None:
    for path, command in _with_subcommands(subject.record):
        name = " ".join(path)
        if not command.get_short_help_str(80).strip():
            raise CheckFailedError(f"{name} has no help: give its function a docstring, which zoo --help shows")
        result = _run(subject.record, [*path[1:], "--help"])
        if result.exit_code or (result.exception and not isinstance(result.exception, SystemExit)):
            raise CheckFailedError(f"{name} --help {_ending(result)}; expected help and exit code 0")
        if not result.output.strip():
            raise CheckFailedError(f"{name} --help prints nothing")


def command_exits_cleanly(subject: Subject[click.Command]) -> None:
    tried = 0
    for path, command in _with_subcommands(subject.record):
        if command.context_settings.get("ignore_unknown_options"):
            continue  # it would be run
        tried += 1
        result = _run(subject.record, [*path[1:], _NO_OPTION])
        if result.exit_code != _USAGE:
            raise CheckFailedError(
                f"{' '.join(path)} with an unknown option {_ending(result)}; expected exit code {_USAGE}, as for other "
                "wrong usage"
            )
    if not tried:
        raise NotApplicableError("it takes unknown options, so that trying one would run it")


def command_has_no_side_effects(subject: Subject[click.Command]) -> None:
    require_no_side_effects(lambda: _run(subject.record, ["--help"]), "showing its help")


def _with_subcommands(
    command: click.Command, path: tuple[str, ...] = (), depth: int = 5
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield a command and all commands below it, each with its path."""
    path = (*path, str(command.name))
    yield path, command
    if isinstance(command, click.Group) and depth:
        context = click.Context(command, info_name=path[-1])
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is None:
                raise CheckFailedError(f"{' '.join(path)} lists a command {name!r} that it does not have")
            for (_, *rest), each in _with_subcommands(below, (), depth - 1):
                yield (*path, name, *rest), each


def _run(command: click.Command, arguments: Sequence[str]) -> Result:
    return CliRunner().invoke(command, list(arguments))


def _ending(result: Result) -> str:
    error = result.exception
    if error is not None and not isinstance(error, SystemExit):
        return f"raises {type(error).__name__}: {error}"
    return f"exits with {result.exit_code}"
