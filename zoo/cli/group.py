"""The group ``zoo``: its commands, imported only when called, and what becomes of errors."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import click

from zoo.cli.session import Session, complain, plugin_options, session_of

COMMANDS: dict[str, tuple[str, str]] = {
    "bench": ("zoo.cli.commands.bench", "Train and test every selected combination, and rank the results."),
    "plan": ("zoo.cli.commands.plan", "Show what a bench would run, and what it would skip and why."),
    "rank": ("zoo.cli.commands.rank", "Rank the results of earlier benches again, from their records."),
    "report": ("zoo.cli.commands.report", "Write a leaderboard as a static site."),
    "publish": ("zoo.cli.commands.publish", "Put a site where others see it: a folder, a git branch, the hub."),
    "submit": ("zoo.cli.commands.submit", "Copy what another's leaderboard needs of your trials."),
    "verify": ("zoo.cli.commands.verify", "Check that a leaderboard says what its records and predictions say."),
    "list": ("zoo.cli.commands.list", "List models, datasets, recipes, metrics, listeners or executors."),
    "show": ("zoo.cli.commands.show", "Show all that is known of a model, dataset, recipe or metric."),
    "predict": ("zoo.cli.commands.predict", "Say what a trained classifier sees in images."),
    "curves": ("zoo.cli.commands.curves", "Draw loss and accuracy of trials over their epochs in the terminal."),
    "examples": (
        "zoo.cli.commands.examples",
        "Draw test images that a trial got right and wrong, and was least sure of.",
    ),
    "explain": ("zoo.cli.commands.explain", "Draw where in images a trained classifier sees what it says of them."),
    "serve": ("zoo.cli.commands.serve", "Answer over HTTP what a trained classifier sees in images."),
    "export": ("zoo.cli.commands.export", "Write a trained classifier for other tools, held to the original."),
    "import": ("zoo.cli.commands.import_weights", "Make a classifier of the weights of another tool."),
    "data": ("zoo.cli.commands.data", "Look at datasets: counts, sizes, unreadable images, duplicates."),
    "cache": ("zoo.cli.commands.cache", "Look at the cache of decoded datasets and the like, and clear it."),
    "why": ("zoo.cli.commands.why", "Say which fields set two trials apart, or force one to run again."),
    "rescore": ("zoo.cli.commands.rescore", "Compute metrics anew from saved predictions; nothing is trained."),
    "diff": ("zoo.cli.commands.diff", "Hold two sets of records together: what changed, how surely, and why."),
    "merge": ("zoo.cli.commands.merge", "Copy the trials of several folders into one, checked."),
    "check": ("zoo.cli.commands.check", "Hold a plugin, or what it provides, to the conformance kit."),
    "plugins": ("zoo.cli.commands.plugins", "List plugins, what each provides, and which are broken."),
    "new": ("zoo.cli.commands.new", "Write the beginnings of a plugin package of your own."),
    "doctor": ("zoo.cli.commands.doctor", "Examine the installation, and say what to mend."),
}
"""Module and one line of help for each command, so that ``zoo --help`` imports none of them."""

FAILED, USAGE, BUG, INTERRUPTED, BROKEN_PIPE = 1, 2, 70, 130, 141
_EPILOG = (
    "Exit codes: 0 all done, 1 some trials failed, 2 a mistake in what was asked for, "
    f"{BUG} a bug in zoo, {INTERRUPTED} interrupted. ZOO_DEBUG=1 shows tracebacks."
)


class _PipeClosed(Exception):
    """Nobody reads what is written. Not an ``OSError``, for which click would exit with 1."""


class ZooGroup(click.Group):
    """A group whose commands are imported when called, and whose errors are one sentence each."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
            return command
        session = session_of(ctx)
        foreign = session.foreign_commands().get(cmd_name)
        if foreign is not None:
            session.foreign_command = cmd_name
        return foreign

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            from zoo.errors import UnknownNameError
            from zoo.names import near_names

            names = [*COMMANDS, *session_of(ctx).foreign_commands()]
            raise UnknownNameError("command", args[0], near=near_names(args[0], names), hint="(zoo --help lists all)")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in COMMANDS.items()])

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _pipe_errors():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> None:
        # Only an explicit exit sets the exit code: what a plugin's command returns is its own affair.
        with _pipe_errors():
            super().invoke(ctx)

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run, and exit with a code that says how it went."""
        for stream in (sys.stdout, sys.stderr):
            # A terminal that cannot show a character shows a question mark; it does not end a bench.
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(errors="replace")
        session = Session()
        if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
            extra["color"] = False
        code = self._exit_code(session, *args, **{**extra, "standalone_mode": False, "obj": session})
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            code = _after_broken_pipe()
        sys.exit(code)

    def _exit_code(self, session: Session, *args: Any, **extra: Any) -> int:
        from zoo.errors import ManyErrors, ZooError

        debug = os.environ.get("ZOO_DEBUG", "") not in ("", "0")
        try:
            return super().main(*args, **extra) or 0
        except click.exceptions.Abort:
            complain("interrupted")
            return INTERRUPTED
        except _PipeClosed:
            return _after_broken_pipe()
        except (click.ClickException, ZooError) as error:
            if debug:
                _print_traceback()
            for each in error.errors if isinstance(error, ManyErrors) else (error,):
                complain(_sentence(each))
            return USAGE
        except Exception as error:
            if debug:
                _print_traceback()
            hint = "" if debug else "; ZOO_DEBUG=1 shows the traceback"
            foreign = session.foreign_command
            culprit = f"the plugin's command {foreign!r} failed" if foreign else "this is a bug in zoo"
            complain(f"{culprit}: {type(error).__name__}: {error}{hint}")
            return BUG


def _show_help(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(ctx.get_help())
        _show_foreign_commands(ctx)
        ctx.exit()


def _show_foreign_commands(ctx: click.Context) -> None:
    # After the rest is out: whatever a plugin does while it loads, the help of zoo itself has been shown. What is
    # installed is not imported for it: that may be fifty packages, or one that the user means to look at first.
    sys.stdout.flush()
    commands = session_of(ctx).commands_of_files()
    rows = [(name, command.get_short_help_str(80)) for name, command in commands.items() if name not in COMMANDS]
    if rows:
        formatter = ctx.make_formatter()
        with formatter.section("Commands from plugins"):
            formatter.write_dl(rows)
        click.echo("\n" + formatter.getvalue().rstrip("\n"))
    if session_of(ctx).has_installed_plugins():
        click.echo("\nInstalled plugins may add commands: zoo plugins lists them.")


def _show_version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from zoo._version import __version__

        click.echo(f"zoo {__version__}")
        ctx.exit()


@click.group(
    cls=ZooGroup,
    invoke_without_command=True,
    add_help_option=False,
    epilog=_EPILOG,
    context_settings={"max_content_width": 100},
)
@plugin_options
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
@click.option(
    "-h", "--help", is_flag=True, is_eager=True, expose_value=False, callback=_show_help, help="Show this message."
)
@click.pass_context
def zoo(ctx: click.Context) -> None:
    """Compare image-classification models honestly.

    zoo bench trains and tests every selected combination of model, dataset, recipe and seed, and ranks them.
    Without arguments it compares a few small networks on handwritten digits, in about a minute.

    zoo COMMAND --help tells more of one command.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
        _show_foreign_commands(ctx)


def _sentence(error: Exception) -> str:
    """Return an error as one sentence; click's are put in zoo's words."""
    if not isinstance(error, click.ClickException):
        return str(error)
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "zoo"
    if isinstance(error, click.NoSuchOption):
        from zoo.names import near_names

        names = [name for each in context.command.params for name in each.opts] if context is not None else []
        names = [name for name in names if name.startswith("--")]
        begun = [name for name in names if name.startswith(error.option_name)]
        near = begun[:3] or near_names(error.option_name, names)
        guess = f"; did you mean {' or '.join(near)}?" if near else ";"
        return f"{command} has no option {error.option_name!r}{guess} ({command} --help lists all)"
    message = error.format_message().strip().rstrip(".")
    return f"{message[:1].lower()}{message[1:]} ({command} --help)"


@contextmanager
def _pipe_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise _PipeClosed from error


def _after_broken_pipe() -> int:
    """Have nothing more written to a pipe that nobody reads, such as after ``zoo list models | head``."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
    return BROKEN_PIPE


def _print_traceback() -> None:
    import traceback

    traceback.print_exc()
