"""``zoo cache``: lists and clears cached files."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from zoo.cli.display.text import TextColumn, table_lines, terminal_width
from zoo.cli.options.output import listing_format, split_commas
from zoo.cli.session import complain, tell
from zoo.text import clean, duration, plural

if TYPE_CHECKING:
    from harness.data.cache.entries import CacheEntry

_DAY = 24 * 3600.0


class _CacheGroup(click.Group):
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.commands and not args[0].startswith("-"):
            from zoo.errors import UnknownNameError
            from zoo.names import near_names

            near = near_names(args[0], self.commands)
            raise UnknownNameError("command of zoo cache", args[0], near=near, hint="(zoo cache --help lists all)")
        return super().resolve_command(ctx, args)


@click.group("cache", cls=_CacheGroup, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List or clear cached files. Anything in the cache can be removed; it is made again when needed."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@command.command("list", short_help="List cached files and their sizes.")
@listing_format
def list_(form: str) -> None:
    """List the cache: decoded datasets, features, images given in Python, lists of models and other files."""
    from harness.data.cache.entries import list_cache
    from zoo.files.cache import cache_root
    from zoo.files.sizes import size_text

    root, now = cache_root(), time.time()
    entries = list_cache(root, now=now)
    if form == "json":
        click.echo(json.dumps([_described(entry) for entry in entries], indent=2))
        return
    columns = [
        TextColumn(title="name", shrink=1, least=24),
        TextColumn(title="kind"),
        TextColumn(title="images", right=True),
        TextColumn(title="size", right=True),
        TextColumn(title="last used", right=True),
        TextColumn(title=""),
        TextColumn(title="path", shrink=2, least=12, optional=True),
    ]
    rows = [
        (
            entry.name,
            entry.kind,
            "" if entry.num_images is None else f"{entry.num_images:,}",
            size_text(entry.num_bytes),
            _ago(now - entry.last_used),
            "in use" if entry.in_use else "",
            entry.path,
        )
        for entry in entries
    ]
    if rows:
        click.echo("\n".join(table_lines(columns, rows, width=terminal_width())))
        click.echo()
    total = sum(entry.num_bytes for entry in entries)
    tell(f"{size_text(total)} in {clean(root)}")


@command.command("clear", short_help="Remove cached files.")
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option("--all", "everything", is_flag=True, help="Clear everything but downloads and entries in use.")
@click.option("--older-than", metavar="DAYS", help="Clear only entries last used at least this many days ago.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@click.pass_context
def clear(ctx: click.Context, /, names: tuple[str, ...], everything: bool, older_than: str | None, yes: bool) -> None:
    """Remove cached files, which are made again when needed; images given in Python, by giving them again.

    A NAME is an entry that zoo cache list shows, a dataset, a kind (decoded, features, given, models, tuning, tar,
    compile, remote, leftovers), or a quoted pattern. Without names, --older-than applies to all entries.

    Entries in use and files that zoo did not create are kept. The exit code is 1 if an entry was kept.
    """
    from harness.data.cache.clearing import clear
    from harness.data.cache.entries import list_cache
    from zoo.cli.group import FAILED
    from zoo.errors import UsageError
    from zoo.files.cache import cache_root
    from zoo.files.sizes import size_text

    now = time.time()
    days = _days(older_than)
    if not names and not everything and days is None:
        raise UsageError(
            "nothing to clear was given: expected names, --all or --older-than DAYS (zoo cache list shows all entries)"
        )
    if names and everything:
        raise UsageError("names and --all exclude each other")
    root = cache_root()
    chosen = _chosen(list_cache(root, now=now), split_commas(names))
    if days is not None:
        chosen = [entry for entry in chosen if now - entry.last_used >= days * _DAY]
    if not chosen:
        click.echo("nothing to clear", err=True)
        return
    total = size_text(sum(entry.num_bytes for entry in chosen))
    if not yes:
        for entry in chosen:
            click.echo(f"{clean(entry.name)}  {size_text(entry.num_bytes)}", err=True)
        if not sys.stdin.isatty():
            raise UsageError(f"this would clear {total}: confirm it with --yes")
        if not click.confirm(f"Clear {total} in {clean(root)}?", err=True):
            return
    done = [clear(entry) for entry in chosen]
    for each in done:
        if each.left_because:
            complain(f"kept: {each.entry.name}: {each.left_because}")
    gone = [each for each in done if not each.left_because]
    tell(f"freed {size_text(sum(each.num_bytes for each in done))}: {plural(len(gone), 'entry', 'entries')} cleared")
    ctx.exit(FAILED if len(gone) < len(done) else 0)


def _chosen(entries: list[CacheEntry], names: list[str]) -> list[CacheEntry]:
    """Return the entries that match *names*, or all removable entries without names."""
    from fnmatch import fnmatchcase

    from zoo.errors import ManyErrors, UnknownNameError, ZooError
    from zoo.names import is_pattern, near_names

    if not names:
        return [entry for entry in entries if entry.kind != "downloads"]
    errors: list[ZooError] = []
    chosen: dict[str, CacheEntry] = {}
    for name in names:
        found = [
            entry
            for entry in entries
            for known in (entry.name, entry.title, entry.kind)
            if (fnmatchcase(known, name) if is_pattern(name) else known == name)
        ]
        if not found:
            known_names = sorted(
                {known for entry in entries for known in (entry.name, entry.title, entry.kind) if known}
            )
            near = near_names(name, known_names)
            errors.append(UnknownNameError("entry of the cache", name, near=near, hint="(zoo cache list shows all)"))
        chosen.update({entry.name: entry for entry in found})
    ManyErrors.raise_if(errors)
    return list(chosen.values())


def _described(entry: CacheEntry) -> dict[str, object]:
    return {
        "name": entry.name,
        "kind": entry.kind,
        "dataset": entry.title or None,
        "num_images": entry.num_images,
        "num_bytes": entry.num_bytes,
        "last_used": datetime.fromtimestamp(entry.last_used, UTC).isoformat(timespec="seconds"),
        "in_use": entry.in_use,
        "path": str(entry.path),
    }


def _ago(seconds: float) -> str:
    """Return the time since the last use, rounded."""
    if seconds >= 2 * _DAY:
        return f"{seconds / _DAY:.0f} days ago"
    return f"{duration(max(0.0, seconds))} ago"


def _days(text: str | None) -> float | None:
    from zoo.errors import UsageError
    from zoo.options import parse_value

    if text is None:
        return None
    value = parse_value(text)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise UsageError(f"--older-than {text}: expected a number of days, 0 or more")
    return float(value)
