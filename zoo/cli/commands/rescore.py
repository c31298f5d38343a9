"""``zoo rescore``: recompute metrics from saved predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.cli.options.output import split_commas
from zoo.cli.session import complain, plugin_options, session_of, tell
from zoo.text import clean, plural

if TYPE_CHECKING:
    from zoo.catalog import Catalog, Entry
    from zoo.errors import ZooError
    from zoo.metric import Metric


@click.command("rescore")
@click.argument("runs", nargs=-1, required=True, metavar="RUNS...")
@click.option("--metrics", "names", multiple=True, metavar="NAMES", help="Metrics to compute [default: all].")
@plugin_options
@click.pass_context
def command(ctx: click.Context, /, runs: tuple[str, ...], names: tuple[str, ...]) -> None:
    """Recompute metrics from saved predictions, without training anything.

    This is for metrics that are new or were fixed, including those of plugins. NAMES may contain * and ?. The exit code
    is 1 if predictions do not match their checksum, which leaves them unchanged, or if a metric fails, which keeps its
    earlier value.
    """
    from harness.records.derived.rescoring import rescore
    from reports.trials.reading import read_trials
    from zoo.api.choosing import attempt
    from zoo.cli.group import FAILED
    from zoo.errors import ManyErrors

    catalog = session_of(ctx).catalog()
    errors: list[ZooError] = []
    metrics = _chosen(catalog, split_commas(names), errors)
    trials, problems = attempt(lambda: read_trials(map(Path, runs)), errors) or ([], [])
    ManyErrors.raise_if(errors)
    folders = [folder for folder, _ in trials]
    summary = rescore(folders, metrics)
    _refresh_tables({folder.parent for folder in folders}, catalog)
    tell(
        f"{plural(summary.changed, 'trial')} rescored, {summary.unchanged:,} unchanged"
        + (f", {summary.not_done:,} without predictions" if summary.not_done else "")
    )
    for name, count in summary.changes.items():
        tell(f"  {clean(name)}: changed in {plural(count, 'trial')}")
    for name, (missing, count) in summary.lacking.items():
        trials_without = plural(count, "trial")
        tell(f"  {clean(name)}: left out of {trials_without}, whose predictions were saved without {missing}")
    for problem in (*problems, *summary.problems):
        complain(problem)
    ctx.exit(FAILED if problems or summary.problems else 0)


def _chosen(catalog: Catalog, names: list[str], errors: list[ZooError]) -> list[Entry[Metric]]:
    """Return the metrics called *names*, or all metrics without names; mistakes are added to *errors*."""
    from zoo.errors import UnknownNameError, ZooError
    from zoo.names import is_pattern

    if not names:
        return list(catalog.metrics)
    chosen: dict[str, Entry[Metric]] = {}
    for name in names:
        try:
            found = catalog.metrics.match(name) if is_pattern(name) else [catalog.metrics.get(name)]
            if not found:
                raise UnknownNameError("metric", name, hint="(zoo list metrics lists all)")
        except ZooError as error:
            errors.append(error)
            continue
        chosen.update((entry.full_name, entry) for entry in found)
    return list(chosen.values())


def _refresh_tables(stores: set[Path], catalog: Catalog) -> None:
    """Write existing leaderboard files again, because they show the earlier values."""
    from zoo.cli.options.table_choice import TableChoice

    for store in sorted(stores):
        if any(store.glob("leaderboard.*")):
            TableChoice().declare(catalog).write_files(store)
