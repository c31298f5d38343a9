"""Options of output: one name for where a command writes, in every command."""

from __future__ import annotations

import importlib

import click
import pytest

from zoo.cli.group import COMMANDS
from zoo.cli.options.output import split_commas


def test_lists_are_split_at_commas_and_add_up() -> None:
    assert split_commas(("a, b", "c,,", "")) == ["a", "b", "c"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_writes_to_o_and_out(name: str) -> None:
    command = importlib.import_module(COMMANDS[name][0]).command
    for parameter in command.params:
        options = set(parameter.opts)
        assert "--output" not in options
        if isinstance(parameter, click.Option) and options & {"-o", "--out"}:
            assert {"-o", "--out"} <= options
