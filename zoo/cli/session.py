"""The session: the plugins of one call of ``zoo``, and the catalog made of them."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zoo.cli.display.text import wrapped
from zoo.files.plain_files import LIST, read_bytes
from zoo.text import clean

if TYPE_CHECKING:
    from zoo.catalog import Catalog, Plugin
    from zoo.loading import Sources

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


@dataclass
class Session:
    """The global options, which can be given before or after the name of the command."""

    plugin_files: list[str] = field(default_factory=list)
    strict: bool = False
    entry_points: bool = True
    foreign_command: str = ""
    """Name of the running command if it comes from a plugin, for error messages."""
    started: float = field(default_factory=time.monotonic)
    """Moment of ``time.monotonic()`` at which the command line was first looked at."""
    _foreign_commands: dict[str, click.Command] | None = None

    def sources(self, *, builtin: bool = True) -> Sources:
        """Return where to look for plugins."""
        from zoo.loading import Sources

        return Sources(
            files=tuple(self.plugin_files), entry_points=self.entry_points, builtin=builtin, strict=self.strict
        )

    def catalog(self, *, warn: bool = True) -> Catalog:
        """Load all plugins, with a warning on stderr for each broken one if *warn*.

        Raises:
            UsageError: If a file given with ``--plugin`` does not exist.
            PluginError: If a plugin is broken, with ``--strict-plugins``.
        """
        from zoo.errors import ManyErrors, UsageError
        from zoo.loading import build_catalog

        missing = [file for file in self.plugin_files if not Path(file).is_file()]
        ManyErrors.raise_if(UsageError(f"--plugin {file}: no such file") for file in missing)
        self._tell_unfinished_files()
        # Output of a plugin while it loads must not end up in a table or in JSON.
        with contextlib.redirect_stdout(sys.stderr):
            catalog = build_catalog(self.sources())
        for sentence in self.trust_problems(catalog.plugins):
            complain(sentence)
        if warn:
            for plugin in catalog.plugins:
                if plugin.state == "broken":
                    complain(
                        f"plugin {plugin.provider.name!r} is broken and left out: {plugin.problem} "
                        "(zoo plugins --why-broken)"
                    )
        return catalog

    def _tell_unfinished_files(self) -> None:
        """Return the plugin file that ended an earlier process; it was given again on purpose, so it is used again."""
        from zoo.calling import containment
        from zoo.calling.unfinished import find_unfinished, forget

        containment.tell = complain
        if not self.plugin_files:
            return
        files = {os.path.abspath(file) for file in self.plugin_files}
        calls = [call for call in find_unfinished() if call.module in files]
        for sentence in dict.fromkeys(call.sentence for call in calls):
            complain(sentence)
        forget(calls)

    def trust_problems(self, plugins: Sequence[Plugin]) -> list[str]:
        """Return a sentence for each name in ``ZOO_PLUGINS`` that matches none of *plugins*, such as a typing error."""
        from zoo.names import near_names
        from zoo.trust import VARIABLE, Trust

        if not self.entry_points:
            return []
        installed = [plugin.provider for plugin in plugins if plugin.provider.origin == "entry point"]
        names = dict.fromkeys(name for each in installed for name in (each.name, each.distribution) if name)
        sentences = []
        for name in Trust.of_environment().unmatched(names):
            near = near_names(name, names)
            guess = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
            sentences.append(f"{VARIABLE} lists {name!r}, but no installed plugin is called that{guess}")
        return sentences

    def commands_of_files(self) -> dict[str, click.Command]:
        """Return the commands in files given with ``--plugin``, by name."""
        return self._commands(entry_points=False) if self.plugin_files else {}

    def foreign_commands(self) -> dict[str, click.Command]:
        """Return the commands of installed plugins and files by name, without those of broken plugins.

        This imports every plugin.
        """
        if self._foreign_commands is None:
            self._foreign_commands = self._commands(entry_points=self.has_installed_plugins())
        return self._foreign_commands

    def has_installed_plugins(self) -> bool:
        """Return whether any plugin is installed and not disabled by ``--no-plugins``, without importing it."""
        return self.entry_points and _has_entry_points()

    def _commands(self, *, entry_points: bool) -> dict[str, click.Command]:
        if not self.plugin_files and not entry_points:
            return {}
        from dataclasses import replace

        from zoo.loading import build_catalog

        sources = replace(self.sources(builtin=False), strict=False, entry_points=entry_points)
        with contextlib.redirect_stdout(sys.stderr):
            commands = build_catalog(sources, hooks=("zoo_commands",)).commands
        return {name: command for name, command in commands.items() if isinstance(command, click.Command)}


def complain(sentence: str) -> None:
    """Write a sentence to stderr, prefixed with the name of the program."""
    click.echo(wrapped(f"zoo: {clean(sentence)}", sys.stderr), err=True)


def tell(sentence: str, *, err: bool = False) -> None:
    """Write a sentence, broken between words where a terminal ends.

    Args:
        sentence: One line, without control characters.
        err: Whether it goes to stderr rather than stdout.
    """
    click.echo(wrapped(sentence, sys.stderr if err else sys.stdout, indent=2), err=err)


def session_of(context: click.Context) -> Session:
    """Return the session that belongs to a context."""
    return context.find_root().ensure_object(Session)


def plugin_options(function: FunctionT) -> FunctionT:
    """Add the options that select plugins; they work before and after the name of the command."""

    def add_files(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> None:
        session_of(context).plugin_files.extend(value)

    def be_strict(context: click.Context, parameter: click.Parameter, value: bool) -> None:
        session_of(context).strict |= value

    def leave_out(context: click.Context, parameter: click.Parameter, value: bool) -> None:
        session_of(context).entry_points &= not value

    # Eager, so that `zoo --plugin FILE --help` knows the file's commands.
    common: dict[str, Any] = {"expose_value": False, "is_eager": True}
    function = click.option(
        "--no-plugins", is_flag=True, callback=leave_out, help="Ignore installed plugins.", **common
    )(function)
    function = click.option(
        "--strict-plugins", is_flag=True, callback=be_strict, help="Stop if any plugin is broken.", **common
    )(function)
    return click.option(
        "--plugin", metavar="FILE", multiple=True, callback=add_files, help="Load a plugin from a file.", **common
    )(function)


def _has_entry_points() -> bool:
    """Return whether any installed distribution has plugins for zoo.

    ``importlib.metadata`` takes 50 ms to import and 50 ms to search, which is too slow for ``zoo --help``.
    """
    for folder in sys.path:
        try:
            files = list(Path(folder or ".").glob("*.*-info/entry_points.txt"))
        except OSError:
            continue
        for file in files:
            try:
                if "[zoo]" in read_bytes(file, LIST).decode("utf-8", "replace"):
                    return True
            except OSError:
                continue
    return False
