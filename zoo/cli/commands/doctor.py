"""``zoo doctor``: diagnoses the installation, with a remedy for each problem."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import click

from zoo.cli.diagnosis import examination
from zoo.cli.diagnosis.examination import OK, PROBLEM, WARNING, Finding, examined
from zoo.cli.display.text import wrapped
from zoo.cli.options.output import listing_format
from zoo.cli.session import Session, plugin_options, session_of
from zoo.text import clean, plural

_COLORS = {OK: "green", WARNING: "yellow", PROBLEM: "red"}


@click.command("doctor")
@listing_format
@plugin_options
@click.pass_context
def command(ctx: click.Context, form: str) -> None:
    """Diagnose the installation: libraries, extras, GPUs, plugins, folders and threads.

    The exit code is 1 if there is a problem.
    """
    from zoo.cli.group import FAILED

    findings = _examine(session_of(ctx))
    if form == "json":
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            click.echo(wrapped(_line(finding), sys.stdout, indent=2))
        click.echo("\n" + _summary(findings))
    ctx.exit(FAILED if any(finding.status == PROBLEM for finding in findings) else 0)


def _examine(session: Session) -> list[Finding]:
    from zoo.files.cache import cache_root, data_root

    found = examination.probe("torch")
    has_driver = shutil.which("nvidia-smi") is not None or Path("/dev/nvidia0").exists()
    return [
        examined("versions", examination.versions),
        examined("packages", examination.owners),
        examined("torch", lambda: examination.torch_pair(found)),
        examined("gpu", lambda: examination.gpu(found, has_driver=has_driver)),
        examined("threads", lambda: examination.threads(found)),
        examined("fork server", lambda: examination.fork_server(examination.probe("fork_server"))),
        *_plugins(session),
        examined(
            "data root",
            lambda: examination.folder(
                "data root", data_root(None), remedy="set another one with ZOO_DATA or --data-root"
            ),
        ),
        examined("cache", lambda: examination.folder("cache", cache_root(), remedy="set another one with ZOO_CACHE")),
        examined(
            "here", lambda: examination.folder("here", Path.cwd(), remedy="set another folder for records with --out")
        ),
    ]


def _plugins(session: Session) -> list[Finding]:
    from zoo.errors import PluginError

    session.strict = False  # broken plugins are findings
    try:
        catalog = session.catalog(warn=False)
    except PluginError as error:
        return [Finding(check="plugins", status=PROBLEM, sentence=str(error), remedy="zoo plugins lists all")]
    found = list(examination.plugins(catalog.plugins, session.trust_problems(catalog.plugins)))
    kinds = (
        ("runtime", catalog.runtimes),
        ("listener", catalog.listeners),
        ("metric", catalog.metrics),
        ("report format", catalog.report_formats),
        ("recipe", catalog.recipes),
        ("model", catalog.architectures),
        ("dataset", catalog.datasets),
        ("executor", catalog.executors),
    )
    needs = [
        (f"{kind} {entry.display_name}", entry.record.libraries, entry.provider.origin == "built-in")
        for kind, registry in kinds
        for entry in registry
        if entry.record.libraries
    ]
    return [*found, *examination.extras(needs)]


def _line(finding: Finding) -> str:
    status = click.style(f"{finding.status:<8}", fg=_COLORS[finding.status])
    remedy = f"\n{'':22}→ {clean(finding.remedy)}" if finding.remedy else ""
    return f"{status} {finding.check:<12} {clean(finding.sentence)}{remedy}"


def _summary(findings: list[Finding]) -> str:
    problems, warnings = (sum(finding.status == status for finding in findings) for status in (PROBLEM, WARNING))
    if not problems and not warnings:
        return "No problems found."
    return f"{plural(problems, 'problem')}, {plural(warnings, 'warning')}."
