"""``zoo new``: the beginnings of something of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.text import clean


@click.group("new")
def command() -> None:
    """Write the beginnings of something of your own."""


@command.command("plugin")
@click.argument("name", metavar="NAME")
@click.option("--into", default=".", metavar="FOLDER", help="Where the new folder goes [default: here].")
def plugin(name: str, into: str) -> None:
    """Write a plugin as an installable distribution: a network, a dataset, a recipe, a metric, and their tests.

    NAME is the name of the distribution, such as my-models. Its tests pass as it is written; change it from there.
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
