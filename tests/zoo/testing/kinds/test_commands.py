"""Checks of commands, each held to one that was made to break it."""

from __future__ import annotations

import os
from typing import Any

import click
import pytest

from zoo.testing import CHECKS, State, Subject, judge


@click.command("greet")
@click.option("--name", default="you")
@click.argument("files", nargs=-1, required=True)
def greet(name: str, files: tuple[str, ...]) -> None:
    """Greet someone."""
    raise AssertionError("a check does not run it")


@click.group("tools")
def tools() -> None:
    """Tools of our own."""


tools.add_command(greet)


@click.command("wrapped", context_settings={"ignore_unknown_options": True})
@click.argument("rest", nargs=-1, type=click.UNPROCESSED)
def wrapped(rest: tuple[str, ...]) -> None:
    """Pass everything on."""
    raise AssertionError("a check does not run it")


@click.command("silent")
def silent() -> None:
    pass


@click.group("half")
def half() -> None:
    """Have a command without help."""


half.add_command(silent)


class Raises(click.Command):
    def get_help(self, ctx: click.Context) -> str:
        raise RuntimeError("no help today")


class Leaves(click.Command):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.exit(3)


class Swallows(click.Command):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise KeyError(str(error)) from error


class Exports(click.Command):
    def get_help(self, ctx: click.Context) -> str:
        os.environ["HELP_WAS_SHOWN"] = "yes"
        return "help"


class Empty(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return ["absent"]


BROKEN = (
    ("command_has_help", "silent has no help", silent),
    ("command_has_help", "half silent has no help", half),
    ("command_has_help", "--help raises RuntimeError: no help today", Raises("own", help="Help.")),
    ("command_has_help", "--help exits with 3", Leaves("own", help="Help.")),
    ("command_has_help", "lists a command 'absent'", Empty("own", help="Help.")),
    ("command_exits_cleanly", "unknown option raises KeyError", Swallows("own", help="Help.")),
    ("command_exits_cleanly", "exits with 3; expected exit code 2", Leaves("own", help="Help.")),
    ("command_has_no_side_effects", "HELP_WAS_SHOWN", Exports("own", help="Help.")),
)


@pytest.mark.parametrize(("check", "says", "record"), BROKEN, ids=[f"{i}-{each[0]}" for i, each in enumerate(BROKEN)])
def test_a_check_catches_what_was_made_to_break_it(check: str, says: str, record: Any, caught: Any) -> None:
    caught(check, says, record)


def test_each_check_has_something_that_breaks_it() -> None:
    assert {each[0] for each in BROKEN} == {check.id for check in CHECKS if check.kind == "commands"}


@pytest.mark.parametrize("command", [greet, tools], ids=["command", "group"])
def test_a_command_that_is_right_passes_every_check(command: click.Command, passed: Any) -> None:
    passed(command)


def test_a_command_that_takes_unknown_options_is_not_run() -> None:
    states = {each.id: judge(each, Subject(record=wrapped)).state for each in CHECKS if each.kind == "commands"}
    assert states.pop("command_exits_cleanly") is State.SKIPPED
    assert set(states.values()) == {State.PASSED}
