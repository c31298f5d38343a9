"""The session: global options work on both sides of the command, and add up."""

from __future__ import annotations

import io
import os
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from zoo.cli.session import Session, plugin_options, session_of, tell
from zoo.errors import UsageError


@click.group()
@plugin_options
def group() -> None:
    pass


@group.command()
@plugin_options
@click.pass_context
def show(ctx: click.Context) -> None:
    session = session_of(ctx)
    click.echo(f"{session.plugin_files} {session.strict} {session.entry_points}")


def test_options_before_and_after_the_command_add_up() -> None:
    line = ["--plugin", "a.py", "--no-plugins", "show", "--plugin", "b.py", "--strict-plugins"]
    result = CliRunner().invoke(group, line, obj=Session())
    assert result.output == "['a.py', 'b.py'] True False\n"
    assert CliRunner().invoke(group, ["show"], obj=Session()).output == "[] False True\n"


def test_missing_files_are_reported_together(tmp_path: Path) -> None:
    session = Session(plugin_files=[str(tmp_path / "a.py"), str(tmp_path / "b.py")], entry_points=False)
    with pytest.raises(UsageError) as caught:
        session.catalog()
    assert str(caught.value).count(": no such file") == 2


def test_nothing_installed_is_looked_for_where_plugins_are_left_out() -> None:
    assert not Session(entry_points=False).has_installed_plugins()
    assert Session(entry_points=False).foreign_commands() == {}


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_sentence_is_not_broken_inside_a_word(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Terminals broke the sentences of zoo why and zoo verify where their lines ended."""
    stream = Terminal()
    monkeypatch.setattr("os.get_terminal_size", lambda handle: os.terminal_size((30, 24)))
    monkeypatch.setattr(f"sys.{name}", stream)
    tell("speeds are not comparable: one of the two has none", err=name == "stderr")
    assert stream.getvalue() == "speeds are not comparable: one\n  of the two has none\n"
