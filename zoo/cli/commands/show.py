"""``zoo show``: shows the details of a model, dataset, recipe, metric, listener, executor or runtime."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from zoo.cli.commands.list import describe
from zoo.cli.display.text import TextColumn, table_lines, terminal_width
from zoo.cli.options.completing import complete_names
from zoo.cli.options.output import listing_format
from zoo.cli.session import plugin_options, session_of
from zoo.recipe import FUNCTIONS
from zoo.text import clean

if TYPE_CHECKING:
    from zoo.catalog import Catalog, Entry
    from zoo.finding import Sources

_KINDS = ("architectures", "datasets", "recipes", "metrics", "listeners", "executors", "runtimes")
_OPTION_COLUMNS = (TextColumn(title="name"), TextColumn(title="default"))
_SPACE_COLUMNS = (TextColumn(title="name"), TextColumn(title="range"))
_HYPERPARAMETER_COLUMNS = (
    TextColumn(title="name"),
    TextColumn(title="value"),
    TextColumn(title=""),
    TextColumn(title="description", shrink=1, least=20),
)


@click.command("show")
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete_names(*_KINDS))
@listing_format
@plugin_options
@click.pass_context
def command(ctx: click.Context, names: tuple[str, ...], form: str) -> None:
    """Show the details of a model, dataset, recipe, metric, listener, executor or runtime.

    A NAME that belongs to records of several kinds shows all of them.
    """
    from zoo.errors import ManyErrors, ZooError

    catalog = session_of(ctx).catalog()
    found: list[tuple[str, Entry[Any]]] = []
    errors: list[ZooError] = []
    for name in names:
        try:
            found.extend(_find(name, catalog))
        except ZooError as error:
            errors.append(error)
    ManyErrors.raise_if(errors)
    described = [{"kind": getattr(catalog, kind).kind, **_full(kind, entry)} for kind, entry in found]
    models = {entry.full_name: entry for kind, entry in found if kind == "architectures"}
    _add_sizes(described, models, session_of(ctx).sources())
    if form == "json":
        click.echo(json.dumps(described, indent=2))
        return
    click.echo("\n\n".join("\n".join(_lines(each)) for each in described))


def _find(name: str, catalog: Catalog) -> list[tuple[str, Entry[Any]]]:
    from zoo.errors import AmbiguousNameError, PluginError, UnknownNameError
    from zoo.names import near_names

    found: list[tuple[str, Entry[Any]]] = []
    telling: list[AmbiguousNameError | PluginError] = []
    for kind in _KINDS:
        registry = getattr(catalog, kind)
        word = name.partition(":")[0] if kind == "datasets" else name
        try:
            found.append((kind, registry.get(word)))
        except (AmbiguousNameError, PluginError) as error:
            telling.append(error)
        except UnknownNameError:
            continue
    if telling:
        raise telling[0]
    if not found:
        everything = dict.fromkeys(entry.display_name for kind in _KINDS for entry in getattr(catalog, kind))
        raise UnknownNameError(
            "model, dataset, recipe, metric, listener, executor or runtime",
            name,
            near=near_names(name, everything),
            hint="(zoo list models, data, recipes … lists all)",
        )
    return found


def _full(kind: str, entry: Entry[Any]) -> dict[str, Any]:
    described = describe(kind, entry)
    if kind == "recipes":
        described["replaces"] = [part for part in FUNCTIONS if getattr(entry.record, part) is not None]
        described["hyperparameters"] = _hyperparameters(entry)
    return described


def _add_sizes(described: list[dict[str, Any]], models: Mapping[str, Entry[Any]], sources: Sources) -> None:
    """Add to each model its parameters and multiply-accumulates, and what was published for its default weights."""
    if not models:
        return
    from zoo.api.model_sizes import sizes_of
    from zoo.api.published_heads import published_head

    sizes = sizes_of(list(models.values()), sources)
    for each in described:
        entry = models.get(each["full_name"]) if each["kind"] == "model" else None
        if entry is None:
            continue
        size = sizes[entry.full_name]
        each["params"], each["macs"] = size.params, size.macs
        head = published_head(entry)
        each["published"] = [
            f"{figure.metric} {100 * figure.value:g} % on {figure.dataset}"
            + (f" ({figure.source})" if figure.source else "")
            for figure in (head.figures if head else ())
        ]


def _hyperparameters(entry: Entry[Any]) -> dict[str, Any]:
    from zoo.calling.containment import hyperparameters_of
    from zoo.hyperparameters import Hyperparameters

    made = hyperparameters_of(entry.record, entry.display_name, entry.provider)
    usual = Hyperparameters()
    return {
        name: {
            "value": getattr(made, name),
            "default": getattr(usual, name, field.default),
            "description": field.description or "",
        }
        for name, field in type(made).model_fields.items()
        # A recipe on features reads none of those of training.
        if entry.record.fit_head is None or name not in Hyperparameters.model_fields or name == "pretrained"
    }


def _lines(described: dict[str, Any]) -> Iterator[str]:
    yield click.style(clean(f"{described['name']}"), bold=True) + click.style(f"  {described['kind']}", dim=True)
    if described["summary"]:
        yield f"  {clean(described['summary'])}"
    yield ""
    facts = list(_facts(described))
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        yield f"  {name:<{width}}  {clean(value)}"
    options = dict(described.get("options") or {})
    if described["kind"] == "dataset":
        from harness.planning.preparing import BIT_DEPTH, FIELDS

        options = {**options, **{name: None for name in (*FIELDS, BIT_DEPTH) if name not in options}}
    if options:
        word = {"model": "model", "dataset": "data"}[described["kind"]]
        yield f"\n  options (--set {word}.NAME=VALUE)"
        yield from _indented(_OPTION_COLUMNS, [(name, _shown(value)) for name, value in options.items()])
    if described.get("space"):
        word = {"model": "model", "recipe": "recipe"}[described["kind"]]
        yield f"\n  searched by zoo bench --tune N (--space '{word}.NAME=RANGE', {word}.NAME=off)"
        yield from _indented(_SPACE_COLUMNS, list(described["space"].items()))
    elif described["kind"] == "recipe":
        yield "\n  nothing to search for zoo bench --tune N, unless --space 'recipe.NAME=RANGE' gives a range"
    if "hyperparameters" in described:
        yield "\n  hyperparameters (--set recipe.NAME=VALUE); * marks values that differ from the defaults"
        rows = [
            (name, _shown(each["value"]), "" if each["value"] == each["default"] else "*", each["description"])
            for name, each in described["hyperparameters"].items()
        ]
        yield from _indented(_HYPERPARAMETER_COLUMNS, rows)


def _indented(columns: Sequence[TextColumn], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    width = terminal_width()
    heading, *lines = table_lines(columns, rows, width=width and width - 4)
    yield "    " + click.style(heading, dim=True)
    yield from (f"    {line}" for line in lines)


def _facts(described: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    left_out = {"kind", "name", "summary", "options", "hyperparameters", "space", "provider"}
    for name, value in described.items():
        if name not in left_out and value not in ("", None, [], {}):
            title = _TITLES.get(name, name.replace("_", " "))
            pixels = " px" if name.endswith("_size") else ""
            yield title, f"{_shown(value)}{pixels}"
    provider = described["provider"]
    origin = f"{provider['distribution']} {provider['version']}".strip() or provider["module"]
    yield "plugin", f"{provider['name']} ({provider['origin']}, {origin})"


_TITLES = {
    "params": "parameters",
    "macs": "multiply-accumulates",
    "adapts_small_images": "adapts to small images",
    "has_pretrained": "pretrained weights",
    "mirror_symmetric": "mirrored images keep labels",
    "num_classes": "classes",
    "num_test": "test images",
    "num_train": "training images",
    "min_size": "smallest size",
    "version": "version",
    "replaces": "custom functions",
}


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_shown(each) for each in value)
    return str(value)
