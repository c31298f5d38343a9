"""``zoo plugins``: lists plugins, what they provide, and which are broken."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from zoo.cli.display.text import TextColumn, table_lines, terminal_width
from zoo.cli.options.output import listing_format
from zoo.cli.session import Session, complain, plugin_options, session_of
from zoo.text import clean, plural

if TYPE_CHECKING:
    from zoo.catalog import Plugin

_COLUMNS = (
    TextColumn(title="plugin"),
    TextColumn(title="state"),
    TextColumn(title="origin"),
    TextColumn(title="distribution", shrink=1, least=9),
    TextColumn(title="version", shrink=2, least=7),
    TextColumn(title="ms", right=True),
    TextColumn(title="provides", shrink=3, least=12),
)
_INDEX_COLUMNS = (
    TextColumn(title="package"),
    TextColumn(title="version", shrink=2, least=7),
    TextColumn(title="summary", shrink=3, least=16),
    TextColumn(title="install"),
)


@click.command("plugins")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--why-broken", is_flag=True, help="Show the traceback of each broken plugin.")
@click.option("--no-import", is_flag=True, help="List plugins from metadata, without running their code.")
@click.option("--index", metavar="FILE|URL", help="Index for zoo plugins search [default: $ZOO_PLUGIN_INDEX].")
@click.option("--retry", is_flag=True, help="Use the named plugins again, after they were set aside for ending zoo.")
@listing_format
@plugin_options
@click.pass_context
def command(ctx: click.Context, /, names: tuple[str, ...], form: str, index: str | None, **flags: bool) -> None:
    """List plugins with their records, load times and errors.

    With the NAME of a plugin or a distribution, show its details: its hooks and all its records.

    ZOO_PLUGINS=a,b loads only these installed plugins, ZOO_PLUGINS=-a all but this one, and --no-plugins none.

    zoo plugins search WORD... finds packages in an index, and shows the command that installs each; zoo installs
    nothing. zoo plugins index prints an index of the installed packages, from their metadata.
    """
    if names[:1] == ("search",):
        _search(names[1:], index, form)
        return
    if names == ("index",):
        from zoo.api.plugin_index import installed_index

        click.echo(installed_index(), nl=False)
        return
    session = session_of(ctx)
    why_broken, no_import = flags["why_broken"], flags["no_import"]
    if flags["retry"]:
        _retry(names)
    plugins = _find(session) if no_import else session.catalog(warn=False).plugins
    if names:
        plugins = _chosen(names, plugins)
    if form == "json":
        click.echo(json.dumps([asdict(plugin) for plugin in plugins], indent=2, default=dict))
    elif names:
        click.echo("\n\n".join("\n".join(_details(plugin)) for plugin in plugins))
    else:
        heading, *lines = table_lines(_COLUMNS, [_row(plugin) for plugin in plugins], width=terminal_width())
        click.echo("\n".join([click.style(heading, bold=True), *lines]))
    if form != "json":
        _tell(plugins, why_broken=why_broken)


def _search(words: Sequence[str], index: str | None, form: str) -> None:
    """Show the packages of an index that match all words; the exit code is 2 if none does."""
    from zoo.api.plugin_index import VARIABLE, search
    from zoo.errors import UsageError

    where = index or os.environ.get(VARIABLE, "")
    if not where:
        raise UsageError(f"there is no plugin index to search: give --index FILE|URL, or set {VARIABLE}")
    found = search(words, where)
    if not found:
        raise UsageError(f"no package in {where} matches {' '.join(words)!r}")
    if form == "json":
        click.echo(json.dumps([{**asdict(each), "install": each.install_command} for each in found], indent=2))
        return
    rows = [(each.distribution, each.version, each.summary, each.install_command) for each in found]
    heading, *lines = table_lines(_INDEX_COLUMNS, rows, width=terminal_width())
    click.echo("\n".join([click.style(heading, bold=True), *lines]))
    complain("an index is what its author says: look at a package before you install it")


def _retry(names: Sequence[str]) -> None:
    from zoo.calling.unfinished import find_unfinished, forget
    from zoo.errors import UsageError

    if not names:
        raise UsageError("--retry needs the names of plugins: zoo plugins --retry NAME")
    forget(call for call in find_unfinished() if {call.plugin, call.distribution} & set(names))


def _find(session: Session) -> tuple[Plugin, ...]:
    from zoo.loading import list_plugins

    plugins = list_plugins(session.sources())
    for sentence in session.trust_problems(plugins):
        complain(sentence)
    return plugins


def _chosen(names: Sequence[str], plugins: Sequence[Plugin]) -> tuple[Plugin, ...]:
    from zoo.errors import ManyErrors, UnknownNameError
    from zoo.names import near_names

    known = dict.fromkeys(name for plugin in plugins for name in _names(plugin) if name)
    ManyErrors.raise_if(
        UnknownNameError("plugin", name, near=near_names(name, known), hint="(zoo plugins lists all)")
        for name in names
        if name not in known
    )
    return tuple(plugin for plugin in plugins if set(names) & set(_names(plugin)))


def _names(plugin: Plugin) -> tuple[str, str]:
    return plugin.provider.name, plugin.provider.distribution


def _row(plugin: Plugin) -> tuple[object, ...]:
    provider = plugin.provider
    return (
        provider.name,
        plugin.state,
        provider.origin,
        provider.distribution or provider.module,
        provider.version,
        f"{plugin.import_seconds * 1000:.0f}" if plugin.state in ("loaded", "broken") else "",
        ", ".join(_counts(plugin)),
    )


def _counts(plugin: Plugin) -> list[str]:
    """Return the number of records of each hook of a plugin, zero included: ``3 recipes``, ``0 metrics``."""
    kinds = [hook.removeprefix("zoo_") for hook in plugin.hooks]
    counts = {kind: len(plugin.provides.get(kind, ())) for kind in [*kinds, *plugin.provides]}
    return [plural(count, kind.removesuffix("s"), kind).replace("_", " ") for kind, count in counts.items()]


def _details(plugin: Plugin) -> list[str]:
    provider = plugin.provider
    facts = {
        "state": plugin.state,
        "origin": provider.origin,
        "distribution": f"{provider.distribution} {provider.version}".strip(),
        "module": provider.module,
        "source": provider.source,
        "namespace": provider.namespace,
        "load time": f"{plugin.import_seconds * 1000:.0f} ms" if plugin.state in ("loaded", "broken") else "",
        "hooks": ", ".join(plugin.hooks),
        **{kind.replace("_", " "): ", ".join(names) for kind, names in plugin.provides.items()},
    }
    lines = [click.style(clean(provider.name), bold=True)]
    width = max(len(title) for title in facts)
    return lines + [f"  {title:<{width}}  {clean(value)}" for title, value in facts.items() if value]


def _tell(plugins: Sequence[Plugin], *, why_broken: bool) -> None:
    """Report broken, blocked, set-aside and unreachable plugins below the list."""
    from zoo.cli.group import COMMANDS

    absent = [plugin for plugin in plugins if plugin.state in ("broken", "blocked", "set aside")]
    if absent:
        click.echo("")
    for plugin in absent:
        name = click.style(clean(plugin.provider.name), fg="red" if plugin.state == "broken" else "yellow")
        click.echo(f"{name} is {plugin.state}: {clean(plugin.problem)}")
        if why_broken and plugin.traceback:
            click.echo("".join(f"    {clean(line)}\n" for line in plugin.traceback.splitlines()), nl=False)
    if not why_broken and any(plugin.state == "broken" for plugin in absent):
        click.echo("zoo plugins --why-broken shows the tracebacks.")
    for plugin in plugins:
        for name in set(plugin.provides.get("commands", ())) & set(COMMANDS):
            click.echo(
                f"command {name!r} of {clean(plugin.provider.name)} cannot be reached: zoo has a command of that name"
            )
