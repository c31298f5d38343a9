"""Worker: finds the records that targets name, and runs a check of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zoo.errors import ManyErrors
from zoo.testing.worker import find_subjects, run_check

PLUGIN = """
import click
from zoo import Dataset, Metric, ReportFormat, hookimpl
from zoo.metric import KnownCase

@hookimpl
def zoo_metrics():
    case = KnownCase([[1.0, 0.0]], [0], 2.0)
    yield Metric(name="own_one", compute=lambda predictions: 1.0, known_cases=(case,))
    yield Metric(name="own_two", compute=lambda predictions: 2.0, known_cases=(case,), bounds=(0, 2))

@hookimpl
def zoo_datasets():
    yield Dataset(name="own_folder", load=len, argument="PATH")

@hookimpl
def zoo_report_formats():
    yield ReportFormat(name="own_format", render=lambda leaderboard: "text")

@hookimpl
def zoo_commands():
    yield click.Command("own-command", help="Greet.")
"""


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "own.py").write_text(PLUGIN)
    return {"files": (str(tmp_path / "own.py"),), "entry_points": False, "builtin": False}


def _names(found: dict[str, Any]) -> list[str]:
    return [each["name"] for each in found["records"]]


def test_a_plugin_a_pattern_and_a_name_with_an_argument_are_targets(sources: dict[str, Any]) -> None:
    whole = find_subjects(sources, ["own"], [], slow=False)
    assert [plugin["name"] for plugin in whole["plugins"]] == ["own"]
    assert _names(whole) == ["own_folder", "own_one", "own_two", "own_format", "own-command"]
    assert _names(find_subjects(sources, ["own_t*"], [], slow=False)) == ["own_two"]
    (record,) = find_subjects(sources, ["own_folder:photos"], ["loads"], slow=False)["records"]
    assert (record["name"], record["argument"], record["checks"]) == ("own_folder:photos", "photos", ["loads"])


@pytest.mark.parametrize(
    ("target", "kind", "check"),
    [
        ("own_format", "report_formats", "renders_odd_names"),
        ("own-command", "commands", "command_has_help"),
        ("own-c*", "commands", "command_exits_cleanly"),
    ],
)
def test_report_formats_and_commands_are_found_and_checked(
    sources: dict[str, Any], tmp_path: Path, target: str, kind: str, check: str
) -> None:
    (record,) = find_subjects(sources, [target], [], slow=False)["records"]
    assert record["kind"] == kind
    verdict = run_check(sources, kind, record["full_name"], "", str(tmp_path), check)
    assert (verdict["state"], verdict["reason"]) == ("passed", "")


def test_unknown_targets_are_reported_together(sources: dict[str, Any]) -> None:
    with pytest.raises(ManyErrors) as caught:
        find_subjects(sources, ["own_onee", "nothing"], [], slow=False)
    assert "did you mean 'own_one'" in str(caught.value.errors[0])


@pytest.mark.parametrize(("name", "state"), [("own/own_one", "failed"), ("own/own_two", "passed")])
def test_a_check_gives_its_verdict_as_plain_data(
    sources: dict[str, Any], tmp_path: Path, name: str, state: str
) -> None:
    verdict = run_check(sources, "metrics", name, "", str(tmp_path), "known_cases")
    assert (verdict["state"], verdict["check"]) == (state, "known_cases")
