"""``zoo bench``: train and test every selected combination, and rank the results."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli.options.output import report_options, split_commas
from zoo.cli.options.placing import placing_options, remote_of, slots_of
from zoo.cli.options.selecting import Chosen, SelectingCommand, choose, selecting_options
from zoo.cli.options.table_choice import TableChoice
from zoo.cli.session import complain, plugin_options, session_of
from zoo.names import DEFAULT_RUNS
from zoo.text import clean, plural

if TYPE_CHECKING:
    from harness.bench.bench import BenchSummary
    from harness.bench.remote import RemoteRequest
    from harness.bench.slots import SlotRequest
    from harness.planning.plan import Plan
    from zoo.catalog import Catalog, Entry
    from zoo.cli.display.lines import Lines
    from zoo.cli.display.live import Display
    from zoo.listener import Listener


@click.command("bench", cls=SelectingCommand)
@selecting_options
@click.option("--out", default=DEFAULT_RUNS, show_default=True, metavar="FOLDER", help="Where the records go.")
@click.option(
    "--data-root", metavar="FOLDER", help="Where datasets lie, or are downloaded to [default: $ZOO_DATA or the cache]."
)
@click.option(
    "--cache-limit",
    metavar="SIZE",
    help="Decode images anew in each epoch if decoded they take more (20GB) [default: what is free in the cache].",
)
@click.option("--offline", is_flag=True, help="Download nothing.")
@click.option("--dry-run", is_flag=True, help="Show what would run, as zoo plan does.")
@click.option("--retry", is_flag=True, help="Run trials again that failed before.")
@click.option("--timeout", metavar="SECONDS", help="Stop a trial that takes longer.")
@click.option("--listen", multiple=True, metavar="NAMES", help="Listeners to turn on (zoo list listeners).")
@placing_options
@report_options
@click.option("-q", "--quiet", is_flag=True, help="Show the table only.")
@plugin_options
@click.pass_context
def command(ctx: click.Context, /, **params: Any) -> None:
    """Train and test every selected combination of model, dataset, recipe and seed, and rank the results.

    Without arguments: a few small networks on handwritten digits. A SUITE.toml holds the same settings as the options
    (models = ["resnet18"], seeds = 3, [set] recipe.lr = 0.05 …); an option given here goes before it. NAMES may be
    patterns: quote them, so that the shell leaves them alone.

    Running the same command again continues where it stopped: what is finished is reused.

    With --seeds auto each row gets three seeds, and more only where rows share ranks that more seeds could settle. When
    the --budget is spent, no trial starts any more; exit code 1 if any is left of those that were asked for.
    """
    session = session_of(ctx)
    table = TableChoice.from_params(params)
    timeout: list[float | None] = [None]
    cache_limit: list[int | None] = [None]
    listeners: list[Entry[Listener]] = []
    slots: list[SlotRequest] = []
    remote: list[RemoteRequest | None] = []
    chosen = choose(
        session,
        params,
        checks=(
            lambda catalog: table.declare(catalog).check(),
            lambda catalog: timeout.append(_seconds(params["timeout"])),
            lambda catalog: cache_limit.append(_bytes(params["cache_limit"])),
            lambda catalog: slots.append(slots_of(params)),
            lambda catalog: remote.append(remote_of(params, catalog)),
            lambda catalog: listeners.extend(_listeners(params["listen"], catalog)),
            lambda catalog: _check_store(Path(params["out"])),
        ),
    )
    if params["dry_run"]:
        from zoo.cli.commands.plan import show_plan
        from zoo.cli.running.forecast import forecast_of, outlook_of

        forecast = forecast_of(Path(params["out"]), chosen, retry=params["retry"])
        form = "json" if params["form"] == "json" else "table"
        show_plan(chosen.plan, chosen.request, form=form, outlook=outlook_of(chosen, forecast, slots[-1]))
        return
    if not chosen.plan.trials:
        _refuse_empty(chosen)

    from harness.bench.bench import run_bench
    from harness.records.store import Store
    from zoo.cache import data_root, decoded_root
    from zoo.cli.group import FAILED, INTERRUPTED
    from zoo.cli.running.folds import putting_together
    from zoo.cli.running.listeners import FanOut
    from zoo.cli.running.runtimes import run_asked_runtimes, tell_of_runtimes, with_asked_runtimes
    from zoo.cli.running.seeding import run_until_settled

    store = Store(Path(params["out"]))
    request = chosen.request
    budget = request.budget_seconds
    deadline = None if budget is None else time.monotonic() + budget
    stopped = ""
    with _progress(quiet=params["quiet"]) as progress:
        for skip in chosen.plan.skips:
            progress.note(f"skipped: {skip.title}: {skip.reason}")
        run: Callable[[Plan], BenchSummary] = partial(
            run_bench,
            store=store,
            sources=session.sources(),
            data_root=data_root(params["data_root"]),
            cache=decoded_root(),
            emit=FanOut(progress, listeners, store.root, progress.note),
            download=not params["offline"],
            retry=params["retry"],
            timeout=timeout[-1],
            deadline=deadline,
            cache_limit=cache_limit[-1],
            slots=slots[-1],
            remote=remote[-1],
        )
        if request.folds is not None:
            run = putting_together(run, store=store, catalog=chosen.catalog, tell=progress.note)
        if request.seeds == "auto":
            seeded = run_until_settled(
                chosen.plan, request, run=run, store=store, deadline=deadline, tell=progress.note
            )
            summary, stopped = seeded.summary, seeded.reason
        else:
            summary = run(chosen.plan)
        runtimes = run_asked_runtimes(
            request,
            summary,
            store=store,
            sources=session.sources(),
            tell=progress.note,
            preload=chosen.plan.preload,
            retry=params["retry"],
            timeout=timeout[-1],
            deadline=deadline,
        )
    if summary.records:
        trials = [(store.folder(record.trial_id), record) for record in summary.records]
        trials = with_asked_runtimes(request, trials)
        table = table.declare(chosen.catalog).for_trials(trials)
        table.show(*table.build(trials))
    if stopped and not params["quiet"]:
        complain(f"no more seeds: {stopped}")
    _tell(summary, quiet=params["quiet"], budget=request.budget)
    is_all_there = tell_of_runtimes(runtimes, quiet=params["quiet"])
    written = table.write_files(store.root) if summary.records else []
    if not params["quiet"]:
        _point(store.root, written, is_default=chosen.is_default and not summary.interrupted)
    if runtimes is not None and runtimes.interrupted:
        ctx.exit(INTERRUPTED)
    ctx.exit(_exit_code(summary) or (0 if is_all_there else FAILED))


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Display | Lines]:
    """Give what shows the progress on stderr: live on a terminal, else plain lines, or nothing."""
    from zoo.cli.display.lines import Lines

    progress: Display | Lines
    if quiet:
        progress = Lines(_nothing)
    elif _can_be_live():
        from rich.console import Console

        from zoo.cli.display.live import Display

        progress = Display(Console(stderr=True))
    else:
        progress = Lines(_write_line)
    try:
        yield progress
    finally:
        progress.close()


def _can_be_live() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")


def _write_line(line: str) -> None:
    click.echo(line, err=True)


def _nothing(line: str) -> None:
    pass


def _tell(summary: BenchSummary, *, quiet: bool, budget: str | None) -> None:
    """Say what went wrong."""
    for note in summary.notes:
        complain(note)
    for record in summary.records:
        if record.outcome.value == "failed":
            kind = f" ({record.failure.kind.value})" if record.failure else ""
            complain(f"failed{kind}: {record.spec.title}: {record.reason or 'no reason was given'}")
    if summary.not_started:
        left = plural(len(summary.not_started), "trial")
        complain(f"{left} not started, for the budget of {budget} is spent; the same command continues")
    failed = summary.counts.get("failed", 0)
    if summary.interrupted:
        complain("interrupted; the same command again continues where it stopped")
    elif failed and not quiet:
        complain(f"{plural(failed, 'trial')} failed; --retry runs them again, and each trial's folder has a log.txt")


def _point(store: Path, written: Sequence[Path], *, is_default: bool) -> None:
    """Say where the files are, and what could be next."""
    _write_line("")
    _write_line(f"records  {clean(store)}{os.sep}")
    if written:
        _write_line(f"tables   {'  '.join(clean(path) for path in written)}")
    if is_default:
        _write_line("")
        _write_line(_NEXT)


_NEXT = """Next:
  zoo list models 'resnet*'                                    what there is
  zoo bench --models resnet18,vit_tiny_patch16_224 --data cifar10 --epochs 5
  zoo bench --models 'resnet*_cifar' --data folder:PHOTOS      your own images, a folder for each class
  zoo bench --recipes sgd_step,adamw_cosine --set recipe.lr=0.05
  zoo plan …                                                   what would run, before it does"""


def _exit_code(summary: BenchSummary) -> int:
    from zoo.cli.group import FAILED, INTERRUPTED

    if summary.interrupted:
        return INTERRUPTED
    unfinished = any(count for outcome, count in summary.counts.items() if outcome != "done")
    return FAILED if unfinished or summary.not_started else 0


def _seconds(text: str | None) -> float | None:
    from zoo.errors import UsageError
    from zoo.options import parse_value

    if text is None:
        return None
    value = parse_value(text)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
        raise UsageError(f"--timeout {text}: it must be a number of seconds above 0")
    return float(value)


def _bytes(text: str | None) -> int | None:
    from zoo.sizes import parse_size

    return None if text is None else parse_size(text, what="--cache-limit")


def _listeners(given: Sequence[str], catalog: Catalog) -> list[Entry[Listener]]:
    from zoo.errors import ManyErrors, ZooError

    found: dict[str, Entry[Listener]] = {}
    errors: list[ZooError] = []
    for name in split_commas(tuple(given)):
        try:
            entry = catalog.listeners.get(name)
        except ZooError as error:
            errors.append(error)
        else:
            found[entry.full_name] = entry
    ManyErrors.raise_if(errors)
    return list(found.values())


def _check_store(store: Path) -> None:
    from zoo.errors import UsageError

    if store.exists() and not store.is_dir():
        raise UsageError(f"--out {store}: it is a file, and a folder is needed")


def _refuse_empty(chosen: Chosen) -> None:
    from zoo.errors import UsageError

    reasons = "; ".join(f"{skip.title}: {skip.reason}" for skip in chosen.plan.skips[:5])
    more = len(chosen.plan.skips) - 5
    raise UsageError(f"there is nothing to run: {reasons}{f'; and {more} more like that' if more > 0 else ''}")
