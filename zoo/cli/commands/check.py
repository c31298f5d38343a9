"""``zoo check``: hold plugins, and what they provide, to the conformance kit."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.cli.display.text import pad
from zoo.cli.options.output import listing_format, split_commas
from zoo.cli.session import Session, plugin_options, session_of
from zoo.text import clean, duration, plural

if TYPE_CHECKING:
    from zoo.loading import Sources
    from zoo.testing import Verdict
    from zoo.testing.isolation import Planned

_COLORS = {
    "passed": "green",
    "failed": "red",
    "skipped": "yellow",
    "expected failure": "yellow",
    "unexpected pass": "red",
}
_STATE_WIDTH = max(map(len, _COLORS))


@click.command("check")
@click.argument("targets", nargs=-1, required=True, metavar="PLUGIN|NAME|FILE.py...")
@click.option("--only", multiple=True, metavar="CHECKS", help="Ids of checks to run, with commas between.")
@click.option("--slow", is_flag=True, help="Run slow checks as well: compilation and export.")
@click.option(
    "--expect-failure",
    "expectations",
    multiple=True,
    metavar="[NAME:]CHECK=REASON",
    help="Say that a check is known to fail, and why; that it passes is then a failure.",
)
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), default=120.0, show_default=True, metavar="SECONDS",
    help="Time for one check.",
)  # fmt: skip
@click.option(
    "--data-root", metavar="FOLDER", help="Where datasets lie [default: $ZOO_DATA or the cache]; none is downloaded."
)
@click.option("-v", "--verbose", is_flag=True, help="Show where each failed check failed, as Python tells it.")
@listing_format
@plugin_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    targets: tuple[str, ...],
    only: tuple[str, ...],
    slow: bool,
    expectations: tuple[str, ...],
    timeout: float,
    data_root: str | None,
    verbose: bool,
    form: str,
) -> None:
    """Check that a plugin, or something it provides, keeps the promises that zoo relies on.

    A target is a Python file, the name of a plugin or of its distribution, or the name of a model, dataset (with its
    argument if it takes one), recipe, metric, listener or executor, or a pattern of such names. Each check runs in a
    process of its own, with a time limit: a plugin that crashes or hangs fails a check, and the next one runs.

    Exit code 1 if a check fails, 2 if nothing goes by a name.
    """
    from zoo.cache import data_root as find_data_root
    from zoo.cli.group import FAILED
    from zoo.testing.checks import require_ids
    from zoo.testing.isolation import IsolatedChecks

    ids = split_commas(only)
    require_ids(ids)
    expected = _expectations(expectations)
    sources, names = _sources(targets, session_of(ctx))
    report = _Report(verbose=verbose, quiet=form == "json")
    with IsolatedChecks(
        sources,
        data_root=find_data_root(data_root),
        # A file's own networks are seldom built on these two, which take seconds to import.
        modules=("torch", "torchvision", "timm") if sources.builtin else ("torch",),
        timeout=timeout,
    ) as checks:
        plugins, records = checks.find(names, only=ids, slow=slow)
        report.begin(records)
        for verdict in plugins:
            report.heading(verdict.name, "plugin")
            report.add(verdict)
        for planned in records:
            if planned.checks:
                report.heading(planned.name, planned.kind)
            for verdict in checks.run(planned, expected):
                report.add(verdict)
    report.end()
    ctx.exit(0 if report.is_good else FAILED)


class _Report:
    """Shows each verdict as soon as it is there; as JSON, all of them at the end."""

    def __init__(self, *, verbose: bool, quiet: bool) -> None:
        self._verbose, self._quiet = verbose, quiet
        self._verdicts: list[Verdict] = []
        self._width = 0

    @property
    def is_good(self) -> bool:
        return all(verdict.state.is_good for verdict in self._verdicts)

    def begin(self, records: list[Planned]) -> None:
        from zoo.testing.isolation import LOADS

        self._width = max(map(len, [LOADS, *(check for planned in records for check in planned.checks)]))

    def heading(self, name: str, kind: str) -> None:
        if not self._quiet:
            blank = "\n" if self._verdicts else ""
            click.echo(
                f"{blank}{click.style(clean(name), bold=True)}  {click.style(_SINGULAR.get(kind, kind), dim=True)}"
            )

    def add(self, verdict: Verdict) -> None:
        self._verdicts.append(verdict)
        if self._quiet:
            return
        state = click.style(pad(verdict.state, _STATE_WIDTH), fg=_COLORS[verdict.state])
        click.echo(f"  {state}  {pad(verdict.check, self._width)}  {clean(verdict.reason)}".rstrip())
        if self._verbose and not verdict.state.is_good:
            click.echo("".join(f"      {clean(line)}\n" for line in verdict.traceback.splitlines()), nl=False)

    def end(self) -> None:
        if self._quiet:
            click.echo(json.dumps([asdict(verdict) for verdict in self._verdicts], indent=2))
            return
        counts = {state: sum(verdict.state == state for verdict in self._verdicts) for state in _COLORS}
        told = [f"{count:,} {state}" for state, count in counts.items() if count]
        seconds = sum(verdict.seconds for verdict in self._verdicts)
        click.echo(f"\n{plural(len(self._verdicts), 'check')} in {duration(seconds)}: {', '.join(told) or 'none'}")
        if not self.is_good and not self._verbose:
            click.echo("-v shows where a check failed.")


_SINGULAR = {
    "architectures": "model",
    "datasets": "dataset",
    "recipes": "recipe",
    "metrics": "metric",
    "listeners": "listener",
}


def _sources(targets: tuple[str, ...], session: Session) -> tuple[Sources, list[str]]:
    """Return where to look for plugins, with the files among *targets*, and the targets as the worker knows them.

    Raises:
        UsageError: For files that are not there.
    """
    from zoo.errors import ManyErrors, UsageError

    files = [target for target in targets if target.endswith(".py")]
    missing = [file for file in [*files, *session.plugin_files] if not Path(file).is_file()]
    ManyErrors.raise_if(UsageError(f"{file}: there is no such file") for file in missing)
    sources = session.sources()
    sources = replace(sources, files=(*sources.files, *files), strict=False)
    if len(files) == len(targets):
        # The rest of what is installed says nothing of a file.
        sources = replace(sources, builtin=False, entry_points=False)
    return sources, [os.path.abspath(target) if target in files else target for target in targets]


def _expectations(given: tuple[str, ...]) -> Mapping[str, str]:
    from zoo.errors import UsageError
    from zoo.testing.parametrize import require_expectations

    expected: dict[str, str] = {}
    for text in given:
        key, equals, reason = text.partition("=")
        if not equals:
            raise UsageError(f"--expect-failure {text}: it must be CHECK=REASON or NAME:CHECK=REASON")
        expected[key.strip()] = reason.strip()
    require_expectations(expected)
    return expected
