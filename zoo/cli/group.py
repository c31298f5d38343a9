"""The command group ``zoo``: its commands, which are imported only when called, and its error handling."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from zoo.calling.interruption import INTERRUPTION
from zoo.cli.diagnosis.wrong_imports import wrong_import
from zoo.cli.session import Session, complain, plugin_options, session_of
from zoo.cli.streams import OutputError, guard_streams, output_failure
from zoo.text import error_text, exit_call, one_line

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Run": {
        "bench": ("zoo.cli.commands.bench", "Train and test every selected combination, and rank the results."),
        "eval": ("zoo.cli.commands.eval", "Test published or imported weights without training, and rank the results."),
        "plan": ("zoo.cli.commands.plan", "Show what a bench would run, and how long it would take."),
        "add": ("zoo.cli.commands.add", "Rank predictions that were made elsewhere."),
        "ensemble": (
            "zoo.cli.commands.ensemble",
            "Average the probabilities of trained networks, and rank the result.",
        ),
    },
    "Results": {
        "rank": ("zoo.cli.commands.rank", "Rank recorded results again, without training."),
        "diff": ("zoo.cli.commands.diff", "Compare two result sets."),
        "curves": ("zoo.cli.commands.curves", "Plot training curves in the terminal."),
        "examples": ("zoo.cli.commands.examples", "Plot test images that a trial got right, wrong or nearly so."),
        "why": ("zoo.cli.commands.why", "Show which settings differ between two trials."),
        "rescore": ("zoo.cli.commands.rescore", "Recompute metrics from saved predictions."),
        "merge": ("zoo.cli.commands.merge", "Merge result folders."),
    },
    "Trained models": {
        "predict": ("zoo.cli.commands.predict", "Classify images with a trained model."),
        "explain": ("zoo.cli.commands.explain", "Plot saliency maps."),
        "serve": ("zoo.cli.commands.serve", "Serve a trained model over HTTP."),
        "export": ("zoo.cli.commands.export", "Export a trained model and verify it."),
        "import": ("zoo.cli.commands.import_weights", "Import weights trained elsewhere."),
    },
    "Leaderboards": {
        "report": ("zoo.cli.commands.report", "Write a leaderboard as a static site."),
        "publish": ("zoo.cli.commands.publish", "Publish a site to a folder, a git branch or a hub."),
        "submit": ("zoo.cli.commands.submit", "Package trials for submission."),
        "verify": ("zoo.cli.commands.verify", "Verify a leaderboard against its records and predictions."),
    },
    "Catalog and data": {
        "list": ("zoo.cli.commands.list", "List models, datasets, recipes, metrics and other plugins."),
        "show": ("zoo.cli.commands.show", "Show the details of a model, dataset, recipe or metric."),
        "data": (
            "zoo.cli.commands.data",
            "Check datasets: counts, duplicates, unreadable images, wrong labels.",
        ),
        "cache": ("zoo.cli.commands.cache", "List or clear cached files."),
    },
    "Plugins and installation": {
        "plugins": ("zoo.cli.commands.plugins", "List plugins, what they provide, and which are broken."),
        "check": ("zoo.cli.commands.check", "Run conformance checks on a plugin."),
        "new": ("zoo.cli.commands.new", "Scaffold a plugin package."),
        "doctor": ("zoo.cli.commands.doctor", "Diagnose the installation."),
        "completion": ("zoo.cli.commands.completion", "Print a script for shell completion."),
    },
}
"""Module and one line of help for each command, by task, so that ``zoo --help`` imports none of them."""
COMMANDS = {name: command for section in SECTIONS.values() for name, command in section.items()}

COMPLETION_VARIABLE = "_ZOO_COMPLETE"
"""Set by the shell when it asks for completions; click then exits on its own."""
FAILED, USAGE, BUG, UNWRITABLE, INTERRUPTED, BROKEN_PIPE = 1, 2, 70, 74, 130, 141
_EPILOG = f"""\b
Exit codes:
  0    success
  {FAILED}    some trials or checks failed
  {USAGE}    wrong usage, or data that cannot be read
  {BUG}   a bug in zoo (ZOO_DEBUG=1 shows the traceback)
  {UNWRITABLE}   standard output cannot be written: a full disk, a closed stream
  {INTERRUPTED}  interrupted
  {BROKEN_PIPE}  the reader of a pipe went away
"""


class ZooGroup(click.Group):
    """A group that imports a command when it is called, and reports each error in one sentence."""

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

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        # Click's own would import every command for its help line.
        from click.shell_completion import CompletionItem

        found = [CompletionItem(name, help=line) for name, (_, line) in COMMANDS.items() if name.startswith(incomplete)]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<{width}}", help_line) for name, (_, help_line) in commands.items()])

    def invoke(self, ctx: click.Context) -> None:
        # Only an explicit exit sets the exit code: a plugin's command may return anything.
        super().invoke(ctx)

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run a command line, and exit with the code that the epilog of the help lists."""
        guard_streams()
        _forget_odd_sizes()
        session = Session()
        if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
            extra["color"] = False
        try:
            code = self._exit_code(session, *args, **{**extra, "standalone_mode": False, "obj": session})
            failure = output_failure()
        except OutputError as error:  # raised by one that reports another
            failure = error
        if failure is not None:
            code = _after(failure)
        sys.exit(code)

    def _exit_code(self, session: Session, *args: Any, **extra: Any) -> int:
        from zoo.errors import ManyErrors, ZooError

        debug = os.environ.get("ZOO_DEBUG", "") not in ("", "0")
        try:
            Path.cwd()
        except FileNotFoundError:  # no library could resolve a path
            complain("the working folder no longer exists: change to another one, or to its path again (cd)")
            return USAGE
        try:
            return super().main(*args, **extra) or 0
        except click.exceptions.Abort as error:
            notes = getattr(error.__cause__, "__notes__", ())
            complain(" ".join(["interrupted", *notes[:1]]))
            return INTERRUPTED
        except OutputError:
            raise
        except (click.ClickException, ZooError) as error:
            if debug:
                _print_traceback()
            for each in error.errors if isinstance(error, ManyErrors) else (error,):
                complain(_sentence(each))
            return USAGE
        except Exception as error:
            if debug:
                _print_traceback()
            if INTERRUPTION.is_lost:  # it came out as something else, as of a class that was being made
                complain("interrupted")
                return INTERRUPTED
            hint = "" if debug else "; ZOO_DEBUG=1 shows the traceback"
            foreign = session.foreign_command
            if isinstance(error, OSError) and error.filename is not None and not foreign:
                # A name that is too long, a folder that may not be read, a disk that fails: none is a bug.
                name = one_line(os.fsdecode(error.filename), max_length=200)
                complain(f"{name}: {error.strerror or type(error).__name__}{hint}")
                return USAGE
            if not foreign and (sentence := wrong_import(error)):
                complain(f"{sentence} ({error_text(error)}){hint}")
                return USAGE
            culprit = f"the plugin's command {foreign!r} failed" if foreign else "this is a bug in zoo"
            complain(f"{culprit}: {error_text(error)}{hint}")
            return BUG
        except SystemExit as error:
            if session.foreign_command or COMPLETION_VARIABLE in os.environ:
                raise
            complain(f"a plugin called {exit_call(error)}")
            return FAILED
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            foreign = session.foreign_command
            culprit = f"the plugin's command {foreign!r}" if foreign else "a plugin"
            complain(f"{culprit} raised {error_text(error)}")
            return FAILED


def _forget_odd_sizes() -> None:
    """Unset a size of the terminal that is no number: rich, which draws tables, fails on ``COLUMNS=²``."""
    for name in ("COLUMNS", "LINES"):
        value = os.environ.get(name, "")
        if value and not (value.isascii() and value.isdigit() and len(value) < 6):
            del os.environ[name]


def _after(failure: OutputError) -> int:
    """Return the exit code for a stream that could not be written; a closed pipe, as by ``head``, needs no message."""
    if failure.is_broken_pipe:
        return BROKEN_PIPE
    complain(str(failure))
    return UNWRITABLE


def _show_help(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(ctx.get_help())
        _show_foreign_commands(ctx)
        ctx.exit()


def _show_foreign_commands(ctx: click.Context) -> None:
    # Written last, so that zoo's own help has been shown whatever a plugin does while it loads. Installed plugins are
    # not imported for it: there may be fifty of them, or one that the user wants to inspect first.
    sys.stdout.flush()
    commands = session_of(ctx).commands_of_files()
    rows = [(name, command.get_short_help_str(80)) for name, command in commands.items() if name not in COMMANDS]
    if rows:
        formatter = ctx.make_formatter()
        with formatter.section("Commands from plugins"):
            formatter.write_dl(rows)
        click.echo("\n" + formatter.getvalue().rstrip("\n"))
    if session_of(ctx).has_installed_plugins():
        click.echo("\nInstalled plugins may add commands; zoo plugins lists them.")


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
    context_settings={"max_content_width": 100, "help_option_names": ["--help", "-h"]},
)
@plugin_options
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Print the version."
)
@click.option(
    "-h",
    "--help",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_help,
    help="Show this message and exit.",
)
@click.pass_context
def zoo(ctx: click.Context) -> None:
    """Compare image classification models fairly.

    zoo bench trains and tests every selected combination of model, dataset, recipe and seed, and ranks the results.
    Without arguments it compares a few small networks on handwritten digits, which takes a minute or two.

    zoo COMMAND --help describes a command and its options.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
        _show_foreign_commands(ctx)


def _sentence(error: Exception) -> str:
    """Return an error as one sentence, with click's messages reworded."""
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
        guess = f"; did you mean {' or '.join(near)}?" if near else ""
        return f"{command} has no option {error.option_name!r}{guess} ({command} --help lists all)"
    message = error.format_message().strip().rstrip(".")
    return f"{message[:1].lower()}{message[1:]} ({command} --help)"


def _print_traceback() -> None:
    import traceback

    traceback.print_exc()
