"""``zoo new``: scaffolds a plugin package."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.text import clean


@click.group("new")
def command() -> None:
    """Scaffold a plugin package."""


@command.command("plugin", short_help="Scaffold a plugin with tests.")
@click.argument("name", metavar="NAME")
@click.option("--into", default=".", metavar="FOLDER", help="Parent of the new folder [default: the current folder].")
def plugin(name: str, into: str) -> None:
    """Scaffold a plugin as an installable distribution, with one record of most kinds, and tests.

    NAME is the name of the distribution, such as my-models. Its tests pass from the start.
    """
    from zoo.scaffold import module_name, write_plugin

    folder = write_plugin(name, Path(into))
    module = module_name(name)
    files = sum(path.is_file() for path in folder.rglob("*"))
    click.echo(f"written: {clean(folder)} ({files} files)\n\nNext:")
    for line in (
        f"cd {clean(folder)}",
        "python -m pip install --editable '.[test]'",
        f"zoo plugins {name}",
        f"zoo check {name}",
        "pytest",
        f"zoo bench --models {module}_net,lenet5 --data {module}_shapes --recipes {module}_quick",
    ):
        click.echo(f"  {line}")
