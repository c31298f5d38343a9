"""Options of output: one name for where a command writes, in every command."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import click
import pytest

from zoo.cli.group import COMMANDS
from zoo.cli.options.output import split_commas


def test_lists_are_split_at_commas_and_add_up() -> None:
    assert split_commas(("a, b", "c,,", "")) == ["a", "b", "c"]


def commands_of(command: click.Command) -> Iterator[click.Command]:
    yield command
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        yield from commands_of(inner)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_writes_to_o_and_out(name: str) -> None:
    for command in commands_of(importlib.import_module(COMMANDS[name][0]).command):
        for parameter in command.params:
            options = set(parameter.opts)
            assert "--output" not in options
            if isinstance(parameter, click.Option) and options & {"-o", "--out"}:
                assert {"-o", "--out"} <= options


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_sentence_of_help(name: str) -> None:
    for command in commands_of(importlib.import_module(COMMANDS[name][0]).command):
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert (parameter.help or "").endswith((".", "]")), (command.name, parameter.name)


def test_the_check_of_options_reaches_commands_of_commands() -> None:
    group = importlib.import_module(COMMANDS["data"][0]).command
    assert {command.name for command in commands_of(group)} == {"data", "check", "audit", "copies"}


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_required_cannot_be_left_out(name: str) -> None:
    """click takes a default of None for a value: zoo export without -o was called a bug in zoo."""
    for command in commands_of(importlib.import_module(COMMANDS[name][0]).command):
        for parameter in command.params:
            if parameter.required:
                with pytest.raises(click.MissingParameter):
                    parameter.handle_parse_result(click.Context(command), {}, [])
