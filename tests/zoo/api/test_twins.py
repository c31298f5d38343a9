"""Twins: what a command takes, the Python function takes under the same name."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

import zoo
from zoo.api.adding import AddOptions
from zoo.api.benching import BenchOptions
from zoo.api.classifiers import Classifier
from zoo.api.exporting import ExportOptions
from zoo.api.ranking import Ranking

SPELLED = {"compile_": "compile", "overrides": "set", "plugin": "plugins", "no_images": "images", "checkpoint": "path"}
"""Names in Python of what the command line spells in another way."""
SHOWN = {"form", "columns", "brief", "quiet"}
"""How a command prints, which a result in Python does by its table and its methods."""

TWINS: dict[str, tuple[tuple[Any, ...], set[str]]] = {
    # zoo.plan() is ``zoo bench --dry-run``.
    "bench": ((zoo.bench, BenchOptions), {"sort_by", "dry_run", "timings"}),
    "eval": ((zoo.evaluate, BenchOptions), {"sort_by"}),
    "add": ((zoo.add, AddOptions), set()),
    "ensemble": ((zoo.ensemble,), {"strict_plugins", "no_plugins"}),
    "plan": ((zoo.plan, BenchOptions), {"lr_find"}),  # zoo.find_lr()
    "rank": ((zoo.rank,), {"explain", "output", "runs"}),  # Ranking.explain(), Ranking.table, and *folders
    # A table in Python needs no file, and all that a notebook imports is a plugin already.
    "predict": ((zoo.load_classifier, Classifier.predict), {"output", "strict_plugins", "no_plugins"}),
    "export": ((zoo.export, ExportOptions), set()),
    "diff": ((zoo.diff,), {"output"}),
    "report": ((Ranking.report, zoo.rank), {"output", "runs"}),  # folder, and *folders
}
"""For each command, who takes its options in Python, and those that nobody takes."""

COMMANDS_ONLY = {
    "cache": "looks after files of this machine",
    "check": "zoo.testing does it for test suites",
    "completion": "belongs to the shell",
    "curves": "draws in the terminal; records have the history, and Ranking.plot has pictures",
    "data": "prints what it finds; zoo.load_dataset has the images",
    "doctor": "diagnoses an installation that Python may not be able to import",
    "examples": "draws files; Classifier.predict has the predictions",
    "explain": "draws files",
    "import_weights": "writes a file, which zoo.load_classifier takes",
    "list": "prints; zoo.list_models, list_datasets and list_recipes return names",
    "merge": "copies folders; zoo.rank takes several",
    "new": "writes a package",
    "plugins": "prints; zoo.build_catalog has the plugins",
    "publish": "sends a site away",
    "rescore": "writes records anew",
    "serve": "runs until it is stopped; Classifier.predict answers in this process",
    "show": "prints; zoo.build_catalog has the records",
    "submit": "writes a package of trials",
    "verify": "ends with an exit code, for continuous integration",
    "why": "prints what differs; records have the settings",
}
"""Commands without a function in Python, and why."""


def test_a_command_has_a_twin_in_python_or_a_reason_for_having_none(root: Path) -> None:
    commands = {path.stem for path in (root / "zoo" / "cli" / "commands").glob("*.py")} - {"__init__"}
    assert commands == set(TWINS) | set(COMMANDS_ONLY)
    assert set(TWINS).isdisjoint(COMMANDS_ONLY)


def taken_by(owner: Any) -> set[str]:
    """Return the names that a function, or a class of further options, takes."""
    return set(owner.__annotations__ if isinstance(owner, type) else inspect.signature(owner).parameters)


def without_twin(command: click.Command, owners: tuple[Any, ...], excused: set[str]) -> set[str]:
    """Return the options of a command that none of its owners in Python takes."""
    options = {SPELLED.get(each.name or "", each.name or "") for each in command.params}
    return options - set().union(*map(taken_by, owners)) - SHOWN - excused


@pytest.mark.parametrize("name", TWINS)
def test_each_option_of_a_command_has_a_twin_in_python(name: str) -> None:
    command = importlib.import_module(f"zoo.cli.commands.{name}").command
    assert without_twin(command, *TWINS[name]) == set()


@pytest.mark.parametrize("name", TWINS)
def test_nothing_is_excused_that_has_a_twin_or_is_no_option(name: str) -> None:
    command = importlib.import_module(f"zoo.cli.commands.{name}").command
    owners, excused = TWINS[name]
    assert excused <= {each.name for each in command.params}
    assert excused & set().union(*map(taken_by, owners)) == set()


def test_a_new_option_without_a_twin_is_found() -> None:
    def function(*, old: int = 0) -> None: ...

    command = click.Command("x", params=[click.Option(["--old"]), click.Option(["--new"])])
    owners: tuple[Callable[..., None], ...] = (function,)
    assert without_twin(command, owners, set()) == {"new"}
