"""``zoo plan``: what a bench would run, and what it would skip and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from zoo.cli.output import listing_format, terminal_width
from zoo.cli.selecting import SelectingCommand, choose, selecting_options
from zoo.cli.session import plugin_options, session_of
from zoo.cli.text import Column, clean, plural, table_lines

if TYPE_CHECKING:
    from harness.plan import Plan
    from harness.request import BenchRequest
    from harness.spec import TrialSpec

_COLUMNS = (
    Column(title="model", shrink=2, least=12),
    Column(title="data", shrink=2, least=10),
    Column(title="recipe", shrink=2, least=10),
    Column(title="seeds", right=True),
    Column(title="epochs", right=True),
    Column(title="batch", right=True),
    Column(title="overrides", shrink=3, least=12),
)


@click.command("plan", cls=SelectingCommand)
@selecting_options
@listing_format
@plugin_options
@click.pass_context
def command(ctx: click.Context, /, form: str, **params: Any) -> None:
    """Show what `zoo bench` with the same options would run, and what it would skip and why.

    Nothing is downloaded, read or run.
    """
    chosen = choose(session_of(ctx), params)
    show_plan(chosen.plan, chosen.request, form=form)


def show_plan(plan: Plan, request: BenchRequest, *, form: str) -> None:
    """Write a plan to stdout, as a table or as JSON."""
    from harness.seeding import seed_counts

    if form == "json":
        trials = [trial.model_dump(mode="json") for trial in plan.trials]
        skips = [{"title": skip.title, "reason": skip.reason} for skip in plan.skips]
        click.echo(json.dumps({"trials": trials, "skips": skips}, indent=2))
        return
    overrides = ", ".join(f"{key}={value}" for key, value in request.set.items())
    rows = [_row(trials, overrides) for trials in _combinations(plan)]
    if rows:
        heading, *lines = table_lines(_COLUMNS, rows, width=terminal_width())
        click.echo("\n".join([click.style(heading, bold=True), *lines, ""]))
    for skip in plan.skips:
        click.echo(f"skipped: {clean(skip.title)}: {clean(skip.reason)}")
    if plan.skips:
        click.echo("")
    click.echo(_total(plan, len(rows)))
    if request.seeds == "auto":
        first, *_ = counts = seed_counts(request.max_seeds)
        looks = f"the ranks are looked at after {', '.join(map(str, counts))} seeds"
        click.echo(f"that is the most: each row gets {plural(first, 'seed')}, and more while it shares ranks; {looks}")


def _combinations(plan: Plan) -> list[list[TrialSpec]]:
    """Return the trials of each combination, which differ in their seeds and folds only."""
    groups: dict[str, list[TrialSpec]] = {}
    for trial in plan.trials:
        groups.setdefault(trial.whole.model_dump_json(exclude={"seed"}), []).append(trial)
    return list(groups.values())


def _row(trials: list[TrialSpec], overrides: str) -> tuple[object, ...]:
    first, seeds = trials[0], [trial.seed for trial in trials]
    seeds = list(dict.fromkeys(seeds))
    hyperparameters = first.recipe.hyperparameters
    folds = f", {first.dataset.folds} folds" if first.dataset.folds else ""
    return (
        first.architecture.display_name,
        f"{first.dataset.display_name}{folds}",
        first.recipe.display_name,
        f"{seeds[0]}–{seeds[-1]}" if len(seeds) > 1 else seeds[0],
        hyperparameters.get("epochs", ""),
        hyperparameters.get("batch_size", ""),
        overrides,
    )


def _total(plan: Plan, combinations: int) -> str:
    epochs = sum(int(trial.recipe.hyperparameters.get("epochs", 0)) for trial in plan.trials)
    parts = [plural(len(plan.trials), "trial"), f"of {plural(combinations, 'combination')}"]
    parts.append(f"with {plural(epochs, 'epoch')} in all")
    if plan.skips:
        parts.append(f"and {plural(len(plan.skips), 'combination')} skipped")
    return " ".join(parts)
