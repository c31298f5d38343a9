"""Options of output: one name for where a command writes, in every command."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from zoo.cli.group import COMMANDS
from zoo.cli.options.output import is_stream, split_commas, write_text


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


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_stream_is_written_into_and_not_replaced(tmp_path: Path) -> None:
    """Resembles reports of ``-o /dev/null`` by root, after which a plain file was in its place."""
    pipe, got = tmp_path / "pipe", list[str]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_text("utf-8")), daemon=True)
    reader.start()
    write_text(pipe, "a,b\n")
    reader.join(timeout=20)
    assert got == ["a,b\n"]
    assert pipe.is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
    write_text(tmp_path / "file", "plain")
    assert (tmp_path / "file").read_text("utf-8") == "plain"
    assert is_stream(Path(os.devnull))
    assert not any(map(is_stream, (tmp_path, tmp_path / "file", tmp_path / "none")))
