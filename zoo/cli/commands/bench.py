"""``zoo bench``: trains and tests every selected combination, and ranks the results."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli.display.text import wrapped
from zoo.cli.options.bench_call import BenchCall
from zoo.cli.options.completing import complete_names
from zoo.cli.options.output import output_option, quiet_option, report_options
from zoo.cli.options.placing import dataset_places, placing_options
from zoo.cli.options.selecting import SelectingCommand, selecting_options
from zoo.cli.session import complain, plugin_options, session_of
from zoo.names import DEFAULT_RUNS
from zoo.text import clean, plural

if TYPE_CHECKING:
    from harness.bench.bench import BenchSummary
    from harness.bench.timings import Timings
    from zoo.api.display.lines import Lines
    from zoo.api.ordering import BenchOrder
    from zoo.cli.display.live import Display


@click.command("bench", cls=SelectingCommand)
@selecting_options
@output_option("Folder of the records.", metavar="FOLDER", default=DEFAULT_RUNS)
@dataset_places
@click.option(
    "--cache-limit",
    metavar="SIZE",
    help="Decode images again in each epoch if they take more space decoded, such as 20GB [default: the free space].",
)
@click.option("--dry-run", is_flag=True, help="Show what would run, as zoo plan does.")
@click.option("--retry", is_flag=True, help="Run failed trials again.")
@click.option("--timeout", metavar="SECONDS", help="Stop a trial that takes longer.")
@click.option(
    "--listen",
    multiple=True,
    metavar="NAMES",
    shell_complete=complete_names("listeners", commas=True),
    help="Listeners to enable (see zoo list listeners).",
)
@placing_options
@report_options
@click.option("--timings", is_flag=True, help="Show where the wall time went.")
@quiet_option("Print only the table.")
@plugin_options
@click.pass_context
def command(ctx: click.Context, /, **params: Any) -> None:
    """Train and test every selected combination of model, dataset, recipe and seed, and rank the results.

    Without arguments: a few small networks on handwritten digits. A SUITE.toml holds the same settings as the options
    (models = ["resnet18"], seeds = 3, [set] recipe.lr = 0.05 …); an option given on the command line overrides it.
    NAMES may be patterns; quote them to keep the shell from expanding them.

    Run the same command again to continue where it stopped: finished trials are reused.

    With --seeds auto each row gets three seeds, and more only where rows share ranks that more seeds could separate.
    Once the --budget is spent, no trial starts; the exit code is 1 if any requested trial is left.
    """
    from harness.bench.processes.fork_server import head_start
    from zoo.api.running.flow import refuse_empty
    from zoo.cli.options.table_choice import import_what_tables_take

    session = session_of(ctx)
    if params["dry_run"]:
        _show_plan(BenchCall.parse(session, params))
        return
    with head_start():
        call = BenchCall.parse(session, params)
        refuse_empty(call.order)
        import_what_tables_take()  # while torch is imported: at the end, the table would wait for it
    code, summary = run_call(call)
    if params["timings"] and summary.timings is not None:
        _show_timings(summary.timings, session.started)
    ctx.exit(code)


def _show_plan(call: BenchCall) -> None:
    from zoo.api.running.forecast import forecast_of, plan_forecast_of
    from zoo.api.running.planning import BenchPlan
    from zoo.api.running.search_forecast import search_forecast_of
    from zoo.cli.commands.plan import show_plan

    chosen = call.chosen
    forecast = forecast_of(call.store, chosen, retry=call.order.settings.limits.retry)
    form = "json" if call.table.form == "json" else "table"
    plan_forecast = plan_forecast_of(chosen, forecast, call.order.settings.slots)
    search = search_forecast_of(chosen, forecast, call.order.settings.slots, store=call.store)
    show_plan(BenchPlan(chosen, plan_forecast, search), form=form)
    for sentence in chosen.notes:
        complain(sentence)


def _show_timings(timings: Timings, started: float) -> None:
    from zoo.cli.display.timings import timing_lines

    for line in ["", *timing_lines(timings, started=started, ended=time.monotonic())]:
        _write_line(line)


def run_call(call: BenchCall) -> tuple[int, BenchSummary]:
    """Run the trials, write and show what they gave, and return the exit code and the summary."""
    from zoo.api.running.flow import run_order
    from zoo.api.running.retesting import retest_shortfalls
    from zoo.api.running.runtimes import runtime_shortfalls
    from zoo.cli.group import FAILED, INTERRUPTED

    chosen, request = call.chosen, call.chosen.request
    with _progress(call.order, quiet=call.quiet) as progress:
        outcome = run_order(call.order, progress)
    summary = outcome.summary
    for problem in outcome.problems:
        complain(problem)
    written: list[Path] = []
    explained = False
    if summary.records:
        table = call.table.for_trials(outcome.trials)
        # Written first: stdout may be a full disk or a closed pipe.
        written = table.write_files(call.store)
        table.show(*table.build(outcome.trials))
        explained = table.form == "table" and not table.brief and _reaches_a_terminal()
    if outcome.stopped and not call.quiet:
        complain(f"no more seeds: {outcome.stopped}")
    _report(summary, quiet=call.quiet, budget=request.budget, explained=explained)
    shortfalls = [*runtime_shortfalls(outcome.runtimes), *retest_shortfalls(outcome.retests)]
    later = [each for each in (outcome.runtimes, outcome.retests) if each is not None]
    for sentence in (*(note for each in later for note in each.notes), *shortfalls):
        complain(sentence)
    if not call.quiet:
        _point(call.store, written, is_default=chosen.is_default and not summary.interrupted)
    if outcome.is_interrupted:
        return INTERRUPTED, summary
    is_short = bool(shortfalls) or (outcome.search is not None and bool(outcome.search.problems))
    return _exit_code(summary) or (FAILED if is_short else 0), summary


@contextmanager
def _progress(order: BenchOrder, *, quiet: bool) -> Iterator[Display | Lines]:
    """Yield what shows the progress on stderr: a live display on a terminal, else plain lines, or nothing."""
    from zoo.api.display.lines import Lines
    from zoo.api.running.forecast import expected_times

    progress: Display | Lines
    if quiet:
        progress = Lines(_nothing)
    elif _can_be_live():
        from rich.console import Console

        from zoo.cli.display.live import Display

        progress = Display(Console(stderr=True), expected=expected_times(order))
    else:
        progress = Lines(_write_line, expected=expected_times(order))
    try:
        yield progress
    finally:
        progress.close()


def _can_be_live() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")


def _reaches_a_terminal() -> bool:
    """Return whether who reads the messages also sees the table."""
    return sys.stdout.isatty() and sys.stderr.isatty()


def _write_line(line: str) -> None:
    click.echo(wrapped(line, sys.stderr, indent=2), err=True)


def _nothing(line: str) -> None:
    pass


def _report(summary: BenchSummary, *, quiet: bool, budget: str | None, explained: bool) -> None:
    """Write on stderr what went wrong; causes of failures only if the table has not *explained* them."""
    from zoo.api.running.shortfalls import failures

    for note in summary.notes:
        complain(note)
    for sentence in [] if explained else failures(summary):
        complain(sentence)
    if summary.not_started:
        left = plural(len(summary.not_started), "trial")
        complain(f"{left} not started: the budget of {budget} is spent; run the same command again to continue")
    failed = summary.counts.get("failed", 0)
    if summary.interrupted:
        complain("interrupted; run the same command again to continue")
    elif failed and not quiet:
        complain(f"{plural(failed, 'trial')} failed; --retry runs them again, and each trial's folder has a log.txt")


def _point(store: Path, written: Sequence[Path], *, is_default: bool) -> None:
    """Write on stderr where the files are, and what to try next."""
    _write_line("")
    _write_line(f"records  {clean(store)}{os.sep}")
    if written:
        _write_line(f"tables   {'  '.join(clean(path) for path in written)}")
    if is_default:
        _write_line("")
        click.echo(_NEXT, err=True)


_NEXT = """Next:
  zoo list models 'resnet*'                                    see what is available
  zoo bench --models resnet18,vit_tiny_patch16_224 --data cifar10 --epochs 5
  zoo bench --models 'resnet*_cifar' --data folder:PHOTOS      your own images, one folder per class
  zoo bench --recipes sgd_step,adamw_cosine --set recipe.lr=0.05
  zoo plan …                                                   see what would run, and how long it would take"""


def _exit_code(summary: BenchSummary) -> int:
    from zoo.cli.group import FAILED, INTERRUPTED

    if summary.interrupted:
        return INTERRUPTED
    counts = summary.counts
    # Weights that cannot be loaded are a note, unless there is nothing else.
    allowed = ("done", "skipped") if counts.get("done") else ("done",)
    unfinished = any(count for outcome, count in counts.items() if outcome not in allowed)
    return FAILED if unfinished or summary.not_started else 0
