"""``zoo check``: runs conformance checks on plugins and their records."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.api.choosing import attempt
from zoo.cli.display.text import pad
from zoo.cli.options.completing import complete_names
from zoo.cli.options.output import listing_format, split_commas
from zoo.cli.options.placing import DATA_ROOT_HELP
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


@dataclass(frozen=True, kw_only=True, slots=True)
class _CheckCall:
    """What a command line of ``zoo check`` asks for."""

    targets: tuple[str, ...]
    """Targets, with absolute paths of files."""
    sources: Sources
    """Where to look for plugins, with the files among the targets."""
    only: tuple[str, ...]
    """IDs of the checks to run; empty: all."""
    slow: bool
    """Whether to run slow checks as well."""
    expected: Mapping[str, str]
    """Why checks are expected to fail, by their IDs."""
    timeout: float
    """Seconds for one check."""
    data_root: Path
    """Folder of datasets."""
    verbose: bool
    """Whether to show tracebacks."""
    as_json: bool
    """Whether to print JSON."""

    @classmethod
    def parse(cls, session: Session, params: dict[str, Any]) -> _CheckCall:
        """Return the call that the parameters of click stand for.

        Raises:
            ZooError: With every mistake of the call at once.
        """
        from zoo.errors import ManyErrors, ZooError
        from zoo.files.cache import data_root, require_writable_cache
        from zoo.testing.checks import require_ids

        errors: list[ZooError] = []
        only = split_commas(params["only"])
        attempt(lambda: require_ids(only), errors)
        expected = attempt(lambda: _expectations(params["expectations"]), errors)
        found = attempt(lambda: _sources(params["targets"], session), errors)
        attempt(require_writable_cache, errors)
        if found is None or expected is None or errors:
            raise ManyErrors.of(errors)
        return cls(
            targets=tuple(found[1]),
            sources=found[0],
            only=tuple(only),
            slow=params["slow"],
            expected=expected,
            timeout=params["timeout"],
            data_root=data_root(params["data_root"]),
            verbose=params["verbose"],
            as_json=params["form"] == "json",
        )


@click.command("check")
@click.argument(
    "targets",
    nargs=-1,
    required=True,
    metavar="PLUGIN|NAME|FILE.py...",
    shell_complete=complete_names("architectures", "datasets", "recipes", "metrics", "listeners", "executors"),
)
@click.option("--only", multiple=True, metavar="CHECKS", help="Comma-separated IDs of the checks to run.")
@click.option("--slow", is_flag=True, help="Also run slow checks: compilation and export.")
@click.option(
    "--expect-failure",
    "expectations",
    multiple=True,
    metavar="[NAME:]CHECK=REASON",
    help="Expect a check to fail, with the reason; it is then a failure if it passes.",
)
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), default=120.0, show_default=True, metavar="SECONDS",
    help="Time limit of a check.",
)  # fmt: skip
@click.option(
    "--data-root",
    metavar="FOLDER",
    help=f"{DATA_ROOT_HELP}; nothing is downloaded.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show the traceback of each failed check.")
@listing_format
@plugin_options
@click.pass_context
def command(ctx: click.Context, /, **params: Any) -> None:
    """Run conformance checks on a plugin, or on any of its records.

    A target is a Python file, the name of a plugin or its distribution, the name of a record (with the argument of a
    dataset that takes one), or a quoted pattern of such names. Each check runs in a separate process with a time
    limit: a plugin that crashes or hangs fails that check only.

    The exit code is 1 if a check fails, and 2 if a target is unknown.
    """
    from zoo.cli.group import FAILED
    from zoo.testing.isolation import IsolatedChecks

    call = _CheckCall.parse(session_of(ctx), params)
    report = _Report(verbose=call.verbose, quiet=call.as_json)
    report.announce(f"checking {', '.join(call.targets)}: starting")
    with IsolatedChecks(
        call.sources,
        data_root=call.data_root,
        # Networks in a file rarely need torchvision and timm, which take seconds to import.
        modules=("torch", "torchvision", "timm") if call.sources.builtin else ("torch",),
        timeout=call.timeout,
    ) as checks:
        plugins, records = checks.find(call.targets, only=call.only, slow=call.slow)
        report.begin(records)
        num_checks = len(plugins) + sum(len(planned.checks) for planned in records)
        report.announce(f"{plural(len(records), 'record')}, {plural(num_checks, 'check')}")
        for verdict in plugins:
            report.heading(verdict.name, "plugin")
            report.add(verdict)
        for planned in records:
            if planned.checks:
                report.heading(planned.name, planned.kind)
            for verdict in checks.run(planned, call.expected):
                report.add(verdict)
    report.end()
    ctx.exit(0 if report.is_good else FAILED)


class _Report:
    """Shows each verdict when it is known, or all of them as JSON at the end."""

    def __init__(self, *, verbose: bool, quiet: bool) -> None:
        self._verbose, self._quiet = verbose, quiet
        self._verdicts: list[Verdict] = []
        self._width = 0

    @property
    def is_good(self) -> bool:
        return all(verdict.state.is_good for verdict in self._verdicts)

    def announce(self, sentence: str) -> None:
        """Say on stderr what is about to happen: the libraries that checks need take seconds to import."""
        if not self._quiet:
            click.echo(clean(sentence), err=True)

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
            click.echo("-v shows the tracebacks of failed checks.")


_SINGULAR = {
    "architectures": "model",
    "datasets": "dataset",
    "recipes": "recipe",
    "metrics": "metric",
    "listeners": "listener",
    "executors": "executor",
    "runtimes": "runtime",
    "report_formats": "report format",
    "commands": "command",
}


def _sources(targets: tuple[str, ...], session: Session) -> tuple[Sources, list[str]]:
    """Return where to look for plugins, including files among *targets*, and the targets with absolute paths.

    Raises:
        UsageError: For missing files.
    """
    from zoo.errors import ManyErrors, UsageError

    files = [target for target in targets if target.endswith(".py")]
    missing = [file for file in [*files, *session.plugin_files] if not Path(file).is_file()]
    ManyErrors.raise_if(UsageError(f"{file}: no such file") for file in missing)
    sources = session.sources()
    sources = replace(sources, files=(*sources.files, *files), strict=False)
    if len(files) == len(targets):
        # Other plugins do not matter for files.
        sources = replace(sources, builtin=False, entry_points=False)
    return sources, [os.path.abspath(target) if target in files else target for target in targets]


def _expectations(given: tuple[str, ...]) -> Mapping[str, str]:
    from zoo.errors import UsageError
    from zoo.testing.parametrize import require_expectations

    expected: dict[str, str] = {}
    for text in given:
        key, equals, reason = text.partition("=")
        if not equals:
            raise UsageError(f"--expect-failure {text}: expected CHECK=REASON or NAME:CHECK=REASON")
        expected[key.strip()] = reason.strip()
    require_expectations(expected)
    return expected
