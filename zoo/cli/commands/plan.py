"""``zoo plan``: shows what a bench would run, how long it would take, and what it would skip and why."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from zoo.api.choosing import Chosen, attempt
from zoo.api.lr_finding import lr_ranges_of
from zoo.api.ordering import slots_of
from zoo.api.running import forecast as forecasting
from zoo.api.running.planning import BenchPlan, detections, overrides_of
from zoo.api.running.search_forecast import search_forecast_of
from zoo.cli.display.lr_ranges import as_json, show_lr_ranges
from zoo.cli.display.text import TextColumn, table_lines, terminal_width, wrapped
from zoo.cli.options.output import listing_format, output_option
from zoo.cli.options.placing import dataset_places, placing_options
from zoo.cli.options.selecting import SelectingCommand, choose_from, selecting_options
from zoo.cli.session import Session, complain, plugin_options, session_of
from zoo.text import clean

if TYPE_CHECKING:
    from harness.data.settings import DataSettings
    from harness.planning.forecast import Forecast
    from harness.planning.plan_forecast import ExpectedTrial
    from harness.search.lr_range import LrRange
    from zoo.events import Event

_COLUMNS = (
    TextColumn(title="model", shrink=5, least=12),
    TextColumn(title="data", shrink=5, least=8),
    TextColumn(title="recipe", shrink=5, least=10),
    TextColumn(title="images", shrink=5, least=8, optional=True),
    TextColumn(title="seeds", right=True, shrink=1, optional=True),
    TextColumn(title="epochs", right=True, shrink=3, optional=True),
    TextColumn(title="batch", right=True, shrink=4, optional=True),
    TextColumn(title="time/seed", right=True),
    TextColumn(title="memory", right=True, shrink=2, optional=True),
    TextColumn(title="based on", shrink=7, least=10, optional=True),
    TextColumn(title="overrides", shrink=6, least=12),
)


@click.command("plan", cls=SelectingCommand)
@selecting_options
@output_option("Folder of records to learn run times from.", metavar="FOLDER", default="runs")
@placing_options
@click.option("--probe", is_flag=True, help="Prepare the data, and time a few batches of each unknown combination.")
@click.option(
    "--lr-find",
    is_flag=True,
    help="Train a few steps of each combination at rising learning rates, and suggest one, with a range to search.",
)
@click.option(
    "--detect",
    type=click.FloatRange(0, 100, min_open=True, max_open=True),
    metavar="POINTS",
    help="Tell how many seeds and test images would show a difference of POINTS of accuracy.",
)
@dataset_places
@listing_format
@plugin_options
@click.pass_context
def command(ctx: click.Context, /, form: str, **params: Any) -> None:
    """Show what `zoo bench` would run with the same options, how long it would take, and what it would skip and why.

    Time and memory are estimated from the records in --out that were made on this machine: of the same combination, or
    of the same model with other settings or data. Without --probe and --lr-find, nothing is downloaded, read or run.
    Probe results are kept in the cache.
    """
    from zoo.cli.group import INTERRUPTED
    from zoo.errors import ManyErrors, ZooError

    session = session_of(ctx)
    errors: list[ZooError] = []
    slots = attempt(lambda: slots_of(params), errors)
    catalog = attempt(session.catalog, errors)
    chosen = None if catalog is None else choose_from(catalog, params, errors)
    if chosen is None or slots is None:
        raise ManyErrors.of(errors)
    forecast = forecasting.forecast_of(Path(params["out"]), chosen)
    search_forecast_of(chosen, forecast, slots, store=Path(params["out"]))  # a mistake in a space comes before a probe
    interrupted = bool(params["probe"]) and _probe(session, chosen, forecast, params)
    plan_forecast = forecasting.plan_forecast_of(chosen, forecast, slots)
    search = search_forecast_of(chosen, forecast, slots, store=Path(params["out"]))
    found = () if params["detect"] is None else detections(chosen, Path(params["out"]), points=params["detect"])
    ranges = _lr_ranges(session, chosen, params) if params["lr_find"] and not interrupted else None
    more = {} if ranges is None else {"lr_ranges": as_json(ranges)}
    show_plan(BenchPlan(chosen, plan_forecast, search, found), form=form, more=more)
    if ranges is not None and form != "json":
        show_lr_ranges(ranges)
    for sentence in chosen.notes:
        complain(sentence)
    if interrupted:
        complain("interrupted; run the same command again to measure the rest")
        ctx.exit(INTERRUPTED)


def _lr_ranges(session: Session, chosen: Chosen, params: dict[str, Any]) -> list[LrRange]:
    """Run the range test of each combination with progress on stderr."""
    from zoo.files.cache import require_writable_cache

    require_writable_cache()
    return lr_ranges_of(chosen, session.sources(), data=_data_settings(params), emit=_say)


def _say(event: Event) -> None:
    from zoo.events import Progress

    if isinstance(event, Progress):
        click.echo(clean(event.message), err=True)


def _data_settings(params: dict[str, Any]) -> DataSettings:
    from harness.data.settings import DataSettings
    from zoo.files.cache import data_root

    return DataSettings(data_root=data_root(params["data_root"]), download=not params["offline"])


def _probe(session: Session, chosen: Chosen, forecast: Forecast, params: dict[str, Any]) -> bool:
    """Measure unknown combinations with progress on stderr; return whether the user interrupted it."""
    from harness.bench.probing import probe_plan
    from zoo.files.cache import require_writable_cache

    require_writable_cache()
    probes = probe_plan(
        chosen.plan,
        forecast,
        sources=session.sources(),
        emit=_say,
        data=_data_settings(params),
    )
    for title, problem in probes.problems.items():
        complain(f"no probe: {title}: {problem}")
    return probes.interrupted


def show_plan(bench_plan: BenchPlan, *, form: str, more: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Write a plan with its expected times to stdout, as a table or as JSON.

    Args:
        bench_plan: The plan.
        form: ``table`` or ``json``.
        more: Further values of the JSON.
    """
    chosen, detections = bench_plan.chosen, list(bench_plan.detections)
    plan, request = chosen.plan, chosen.request
    if form == "json":
        trials = [trial.model_dump(mode="json") for trial in plan.trials]
        skips = [{"title": skip.title, "reason": skip.reason} for skip in plan.skips]
        forecast = forecasting.as_json(bench_plan.forecast)
        data = {"trials": trials, "skips": skips, "forecast": forecast, **more}
        if bench_plan.search is not None:
            data["search"] = bench_plan.search.as_json()
        if request.test_also:
            data["test_also"] = list(request.test_also)
        click.echo(json.dumps({**data, "detection": detections} if detections else data, indent=2))
        return
    rows = [_row(trials, overrides_of(trials[0].spec, request)) for trials in bench_plan.combinations]
    if rows:
        heading, *lines = table_lines(_COLUMNS, rows, width=terminal_width())
        click.echo("\n".join([click.style(heading, bold=True), *lines, ""]))
    for number, sentence in enumerate(bench_plan.sentences, start=1):
        click.echo(wrapped(sentence, sys.stdout))
        if number == len(plan.skips):
            click.echo("")


def _row(trials: list[ExpectedTrial], overrides: str) -> tuple[object, ...]:
    first, seeds = trials[0].spec, list(dict.fromkeys(trial.spec.seed for trial in trials))
    hyperparameters = first.recipe.hyperparameters
    folds = f", {first.dataset.folds} folds" if first.dataset.folds else ""
    folds += "" if first.dataset.resplit is None else ", resplit"
    return (
        first.architecture.display_name,
        f"{first.dataset.display_name}{folds}",
        first.recipe.display_name,
        first.preparation.describe(first.architecture.native_size) if first.preparation else "",
        f"{seeds[0]}–{seeds[-1]}" if len(seeds) > 1 else seeds[0],
        hyperparameters.get("epochs", ""),
        hyperparameters.get("batch_size", ""),
        *forecasting.cells(trials),
        overrides,
    )
