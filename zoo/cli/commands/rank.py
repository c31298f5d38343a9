"""``zoo rank``: rank records again. It never loads torch, and loads plugins only for their metrics and formats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from zoo.cli.options.output import REPORT_FORMATS, output_option, report_options, write_text
from zoo.cli.options.table_choice import TableChoice
from zoo.cli.session import complain, plugin_options, session_of
from zoo.names import DEFAULT_RUNS

if TYPE_CHECKING:
    from reports.comparison.explanation import RankExplanation
    from reports.leaderboard.goals import Goal
    from reports.leaderboard.leaderboard import Leaderboard
    from reports.trials.reading import Trial
    from zoo.errors import ZooError

EXPLAINED_FORMATS = ("table", "json")
_FORMAT_OF_SUFFIX = {".csv": "csv", ".json": "json", ".md": "markdown", ".tex": "latex"}


@click.command("rank")
@click.argument("runs", nargs=-1, metavar="[RUNS]...")
@report_options
@click.option("--explain", is_flag=True, help="Explain why rows share ranks, pair by pair (table, json).")
@click.option(
    "--unseen", is_flag=True, help="Leave out rows whose weights may have seen the test images or their source."
)
@click.option(
    "--rope",
    metavar="POINTS",
    type=click.FloatRange(min=0),
    help="Over datasets, also tell how likely rows differ by less than POINTS (Bayesian signed-rank test).",
)
@click.option(
    "--to-accuracy",
    metavar="PERCENT",
    type=click.FloatRange(min=0, min_open=True, max=100),
    help="Also tell the time and energy until a validation accuracy was reached.",
)
@click.option(
    "--price-per-hour",
    metavar="PRICE",
    type=click.FloatRange(min=0),
    help="With --to-accuracy, also tell the cost, given the price of an hour of what a trial trains on.",
)
@output_option("Write to a file; its suffix selects the format.", name="output")
@plugin_options
@click.pass_context
def command(ctx: click.Context, /, runs: tuple[str, ...], explain: bool, output: str | None, **params: Any) -> None:
    """Rank the records in one or more folders.

    RUNS are result folders (--out of zoo bench) or single trials in them [default: runs]. Several folders are ranked
    together. A record that cannot be read is left out with a warning, and the exit code is 1.
    """
    from harness.system.collection import without_collection

    with without_collection():
        _rank(ctx, runs, explain, output, params)


def _rank(ctx: click.Context, runs: tuple[str, ...], explain: bool, output: str | None, params: dict[str, Any]) -> None:
    from dataclasses import replace

    from reports.leaderboard.all_columns import COLUMNS
    from reports.leaderboard.further_sets import further_keys
    from reports.leaderboard.goals import GOAL_KEYS
    from reports.trials.reading import read_trials
    from zoo.api.choosing import attempt
    from zoo.api.ranking import without_seen
    from zoo.cli.group import FAILED
    from zoo.errors import ManyErrors, UsageError, ZooError

    table = replace(TableChoice.from_params(params), rope=params["rope"], goal=_goal(params))
    suffix = Path(output).suffix.lower() if output else ""
    follows_suffix = bool(suffix) and ctx.get_parameter_source("form") is ParameterSource.DEFAULT
    if follows_suffix:
        table = replace(table, form=_FORMAT_OF_SUFFIX.get(suffix, table.form))
    errors: list[ZooError] = []
    read = attempt(lambda: read_trials(map(Path, runs or (DEFAULT_RUNS,)), runtimes=True), errors)
    trials, problems = read or ([], [])
    left_out = [f"left out: {problem}" for problem in problems]
    if params["unseen"] and trials:
        trials, note = without_seen(trials, spelled="--unseen")
        left_out += note
    # Formats and metrics of plugins need a catalog; the usual ones do not.
    is_usual = {table.sort_by, *(table.columns or ())} <= {*(column.key for column in COLUMNS), *GOAL_KEYS}
    seeks_format = table.form not in REPORT_FORMATS or (follows_suffix and suffix not in _FORMAT_OF_SUFFIX)
    if seeks_format or not is_usual:
        table = table.declare(session_of(ctx).catalog(warn=False))
        if follows_suffix and suffix not in _FORMAT_OF_SUFFIX:
            table = table.follow_suffix(suffix)
    else:
        # Only the versions of built-in metrics are needed; other hooks would query timm for its models.
        from zoo.loading import Sources, build_catalog

        table = table.know_versions(build_catalog(Sources(entry_points=False), hooks=("zoo_metrics",)))
    try:
        metrics = [name for _, record in trials for name in record.metrics]
        table.check([*metrics, *further_keys(record for _, record in trials)])
    except ZooError as error:
        errors.append(error)
    if explain and table.form not in EXPLAINED_FORMATS:
        errors.append(UsageError(f"--explain works with --format {' or '.join(EXPLAINED_FORMATS)}, not {table.form}"))
    ManyErrors.raise_if(errors)
    table = table.for_trials(trials)
    leaderboard, columns = table.build(trials, left_out)
    explanations = _explain(leaderboard, trials) if explain else None
    if output:
        write_text(Path(output), table.text(leaderboard, columns, explanations))
    else:
        table.show(leaderboard, columns, explanations)
    for problem in problems:
        complain(f"left out: {problem}")
    ctx.exit(FAILED if problems else 0)


def _goal(params: dict[str, Any]) -> Goal | None:
    from reports.leaderboard.goals import Goal
    from zoo.errors import UsageError

    percent, price = params["to_accuracy"], params["price_per_hour"]
    if percent is not None:
        return Goal(accuracy=percent / 100, price_per_hour=price)
    if price is not None:
        raise UsageError("--price-per-hour needs --to-accuracy PERCENT, the validation accuracy that is paid for")
    return None


def _explain(leaderboard: Leaderboard, trials: Sequence[Trial]) -> Sequence[RankExplanation]:
    from reports.comparison.explanation import explain

    return explain(leaderboard, trials)
