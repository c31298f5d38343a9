"""``zoo plugins``: where everything comes from, and what is broken."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from zoo.cli.output import listing_format, terminal_width
from zoo.cli.session import plugin_options, session_of
from zoo.cli.text import Column, clean, plural, table_lines

if TYPE_CHECKING:
    from zoo.catalog import Plugin

_COLUMNS = (
    Column(title="plugin"),
    Column(title="state"),
    Column(title="origin"),
    Column(title="distribution", shrink=1, least=9),
    Column(title="version", shrink=2, least=7),
    Column(title="ms", right=True),
    Column(title="provides", shrink=3, least=12),
)


@click.command("plugins")
@click.option("--why-broken", is_flag=True, help="Show where each broken plugin broke, as Python tells it.")
@listing_format
@plugin_options
@click.pass_context
def command(ctx: click.Context, why_broken: bool, form: str) -> None:
    """List plugins: what each provides, what it takes to load, and why a broken one is broken."""
    from zoo.cli.group import COMMANDS

    plugins = session_of(ctx).catalog(warn=False).plugins
    if form == "json":
        click.echo(json.dumps([asdict(plugin) for plugin in plugins], indent=2, default=dict))
        return
    heading, *lines = table_lines(_COLUMNS, [_row(plugin) for plugin in plugins], width=terminal_width())
    click.echo("\n".join([click.style(heading, bold=True), *lines]))
    broken = [plugin for plugin in plugins if plugin.state == "broken"]
    if broken:
        click.echo("")
    for plugin in broken:
        name = click.style(clean(plugin.provider.name), fg="red")
        click.echo(f"{name} is broken: {clean(plugin.problem)}")
        if why_broken:
            click.echo("".join(f"    {clean(line)}\n" for line in plugin.traceback.splitlines()), nl=False)
    if broken and not why_broken:
        click.echo("zoo plugins --why-broken shows where.")
    for plugin in plugins:
        for name in set(plugin.provides.get("commands", ())) & set(COMMANDS):
            click.echo(f"command {name!r} of {clean(plugin.provider.name)} cannot be reached: zoo has its own")


def _row(plugin: Plugin) -> tuple[object, ...]:
    provider = plugin.provider
    provides = ", ".join(plural(len(names), kind.removesuffix("s"), kind) for kind, names in plugin.provides.items())
    return (
        provider.name,
        plugin.state,
        provider.origin,
        provider.distribution or provider.module,
        provider.version,
        f"{plugin.import_seconds * 1000:.0f}",
        provides,
    )
