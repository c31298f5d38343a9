"""``zoo list``: lists everything that can be selected, by name."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from zoo.cli.display.text import TextColumn, table_lines, terminal_width, wrapped
from zoo.cli.options.output import listing_format, split_commas
from zoo.cli.session import complain, plugin_options, session_of
from zoo.text import clean, plural

if TYPE_CHECKING:
    from zoo.catalog import Catalog, Entry, Registry

KINDS: Mapping[str, str] = {
    "models": "architectures",
    "architectures": "architectures",
    "data": "datasets",
    "datasets": "datasets",
    "recipes": "recipes",
    "metrics": "metrics",
    "listeners": "listeners",
    "executors": "executors",
    "runtimes": "runtimes",
}
"""Accepted kinds, each with the name of its registry in the catalog."""

_NAME = TextColumn(title="name")
_SUMMARY = TextColumn(title="summary", shrink=3, least=16)
_SOURCE = TextColumn(title="source", shrink=4, least=24, optional=True)
_COLUMNS: dict[str, tuple[TextColumn, ...]] = {
    "architectures": (
        _NAME, TextColumn(title="family", shrink=2, least=6), TextColumn(title="px", right=True),
        TextColumn(title="pretrained"), _SUMMARY, _SOURCE,
    ),
    "datasets": (
        _NAME, TextColumn(title="classes", right=True), TextColumn(title="px", right=True),
        TextColumn(title="train", right=True), TextColumn(title="test", right=True), _SUMMARY, _SOURCE,
    ),
    "recipes": (_NAME, _SUMMARY, _SOURCE),
    "metrics": (_NAME, TextColumn(title="kind"), TextColumn(title="better"), _SUMMARY, _SOURCE),
    "listeners": (_NAME, _SUMMARY),
    "executors": (_NAME, _SUMMARY),
    "runtimes": (_NAME, TextColumn(title="where"), _SUMMARY, _SOURCE),
}  # fmt: skip


@click.command("list")
@click.argument("kind", metavar="models|data|recipes|metrics|listeners|executors|runtimes")
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...")
@click.option("--names", is_flag=True, help="Print names only, one per line; the default if stdout is not a terminal.")
@click.option("--columns", multiple=True, metavar="NAMES", help="Columns of models: name,params,macs,published.")
@click.option("--sort-by", metavar="COLUMN", help="Column of models to sort by.")
@click.option("--where", multiple=True, metavar="CONDITION", help="Models to list: 'params<5M'; repeatable.")
@listing_format
@plugin_options
@click.pass_context
def command(
    ctx: click.Context,
    kind: str,
    patterns: tuple[str, ...],
    names: bool,
    form: str,
    columns: tuple[str, ...],
    sort_by: str | None,
    where: tuple[str, ...],
) -> None:
    """List models, datasets, recipes, metrics, listeners, executors or runtimes.

    A PATTERN with *, ? or [ ] lists what the same pattern selects in a bench; quote it to keep the shell from expanding
    it. Any other word lists all names that contain it. The exit code is 2 if nothing matches.

    Models have the columns name, family, px, pretrained, params, macs, published, dataset, summary and source.
    Parameters and multiply-accumulates are counted once without weights, and kept in the cache; published is the
    top-1 accuracy that was published for the default weights, in percent, on the given dataset.
    """
    attribute = _attribute(kind)
    chosen = split_commas(columns)
    if chosen or sort_by or where:
        _list_models(ctx, attribute, patterns, chosen, sort_by, where, names=names, form=form)
        return
    catalog = session_of(ctx).catalog()
    entries = find(getattr(catalog, attribute), patterns)
    if form == "json":
        click.echo(json.dumps([describe(attribute, entry) for entry in entries], indent=2))
        return
    if names or not sys.stdout.isatty():
        click.echo("".join(f"{entry.display_name}\n" for entry in entries), nl=False)
        return
    rows = [_row(attribute, entry) for entry in entries]
    heading, *lines = table_lines(_COLUMNS[attribute], rows, width=terminal_width())
    click.echo("\n".join([click.style(heading, bold=True), *lines]))
    click.echo(click.style(_footer(attribute, len(entries), catalog), dim=True), err=True)


_MOST_NAMED = 20
"""Number of models that are named where they cannot be counted."""


def _list_models(
    ctx: click.Context,
    attribute: str,
    patterns: tuple[str, ...],
    columns: list[str],
    sort_by: str | None,
    where: tuple[str, ...],
    *,
    names: bool,
    form: str,
) -> None:
    """List models with columns of choice, those that meet all conditions, in an order."""
    from zoo.api.model_sizes import sizes_of
    from zoo.cli.display.model_columns import COLUMNS, COUNTED, Condition, check_columns, facts_of, ordered, shown
    from zoo.errors import UsageError

    if attribute != "architectures":
        raise UsageError("--columns, --sort-by and --where are for zoo list models")
    check_columns(columns, option="--columns")
    check_columns([sort_by] if sort_by else [], option="--sort-by")
    conditions = [Condition.parse(text) for text in where]
    asked, columns = bool(columns), columns or ["name", "px", "params", "macs", "published", "dataset"]
    needed = frozenset([*columns, *([sort_by] if sort_by else []), *(each.column for each in conditions)])
    session = session_of(ctx)
    catalog = session.catalog()
    entries = find(catalog.architectures, patterns)
    sizes = sizes_of(entries, session.sources(), tell=complain) if needed & COUNTED else {}
    uncounted = [f"{name} ({size.reason})" for name, size in sizes.items() if size.params is None]
    _complain_of(uncounted, "could not be counted")
    _complain_of(
        [name for name, size in sizes.items() if size.params is not None and size.macs is None],
        "without a count of multiply-accumulates",
    )
    rows: list[Mapping[str, Any]] = [facts_of(entry, needed, sizes) for entry in entries]
    rows = [row for row in rows if all(condition.holds(row) for condition in conditions)]
    if sort_by:
        rows = ordered(rows, sort_by)
    if form == "json":
        click.echo(json.dumps([{column: row[column] for column in columns} for row in rows], indent=2))
    elif names:
        click.echo("".join(f"{row['name']}\n" for row in rows), nl=False)
    else:
        cells = [[shown(column, row[column]) for column in columns] for row in rows]
        heading, *lines = table_lines(
            [COLUMNS[column] for column in columns], cells, width=terminal_width(), keep_empty=asked
        )
        click.echo("\n".join([click.style(heading, bold=True), *lines]))
        click.echo(click.style(_footer(attribute, len(rows), catalog), dim=True), err=True)


def _complain_of(models: list[str], what: str) -> None:
    if models:
        more = " …" if len(models) > _MOST_NAMED else ""
        complain(f"{plural(len(models), 'model')} {what}: {', '.join(models[:_MOST_NAMED])}{more}")


def find(registry: Registry[Any], patterns: tuple[str, ...]) -> list[Entry[Any]]:
    """Return the entries that match any of *patterns*, or all entries without patterns.

    Raises:
        UsageError: For patterns that match nothing, with near names.
    """
    from zoo.errors import ManyErrors, UnknownNameError
    from zoo.names import is_pattern, near_names

    if not patterns:
        return registry.match("*/*")
    found: dict[str, Entry[Any]] = {}
    errors = []
    for pattern in patterns:
        if is_pattern(pattern):
            matched = registry.match(pattern)
        else:
            matched = [entry for entry in registry.match("*/*") if pattern.lower() in entry.full_name]
        found.update((entry.full_name, entry) for entry in matched)
        if not matched:
            plain = pattern.strip("*?")
            near = near_names(plain, (entry.display_name for entry in registry))
            errors.append(UnknownNameError(registry.kind, pattern, near=near))
    ManyErrors.raise_if(errors)
    return list(found.values())


_NOT_DATA = ("name", "namespace", "short", "preload", "known_cases", "influence", "of_influence")
"""Fields that a listing leaves out: names are given otherwise, and the rest are functions or their cases."""


def describe(attribute: str, entry: Entry[Any]) -> dict[str, Any]:
    """Return an entry as plain data: the data fields of its record, and its provider."""
    from dataclasses import asdict, fields

    record = entry.record
    described: dict[str, Any] = {"name": entry.display_name, "full_name": entry.full_name}
    for field in fields(record):
        value = getattr(record, field.name)
        if field.name not in _NOT_DATA and not callable(value):
            described[field.name] = dict(value) if isinstance(value, Mapping) else value
    if attribute == "recipes":
        from zoo.recipe import FUNCTIONS

        described = {key: value for key, value in described.items() if key not in FUNCTIONS}
    for name in ("preparation", "head"):
        described.pop(name, None)
    described["provider"] = {key: value for key, value in asdict(entry.provider).items() if key != "source"}
    return described


def _attribute(kind: str) -> str:
    from zoo.errors import UnknownNameError
    from zoo.names import near_names

    attribute = KINDS.get(kind) or KINDS.get(f"{kind}s")
    if attribute is None:
        known = ", ".join(sorted({"models", "data", "recipes", "metrics", "listeners", "executors"}))
        raise UnknownNameError("list", kind, near=near_names(kind, KINDS), hint=f"(choose from {known})")
    return attribute


def _row(attribute: str, entry: Entry[Any]) -> tuple[object, ...]:
    record = entry.record
    name = entry.display_name
    if attribute == "architectures":
        pretrained = "yes" if record.has_pretrained else ""
        return name, record.family, record.native_size, pretrained, record.summary, record.source
    if attribute == "datasets":
        name = f"{name}:{record.argument}" if record.argument else name
        counts = (record.num_classes, record.image_size, record.num_train, record.num_test)
        return name, *("" if count is None else f"{count:,}" for count in counts), record.summary, record.source
    if attribute == "metrics":
        better = "higher" if record.higher_is_better else "lower"
        return name, record.kind, better, record.summary, record.source
    if attribute == "recipes":
        return name, record.summary, record.source
    return name, record.summary


def _footer(attribute: str, count: int, catalog: Catalog) -> str:
    registry: Registry[Any] = getattr(catalog, attribute)
    share = "" if count == len(registry) else f" of {len(registry):,}"
    noun = plural(count, registry.kind)
    return wrapped(clean(f"{noun}{share}; zoo show NAME shows the details of one"), sys.stderr)
