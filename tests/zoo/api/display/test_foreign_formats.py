"""Report formats of plugins: asked for by name or by a file's ending, and one that breaks costs itself only."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from reports.leaderboard.building import build_leaderboard
from reports.render.json import leaderboard_data
from zoo.api.display.foreign_formats import render_foreign
from zoo.catalog import Entry, Provider
from zoo.cli.options.table_choice import TableChoice
from zoo.loading import Sources, build_catalog
from zoo.report_format import ReportFormat

Run = Callable[..., Result]

FORMATS = """
    from zoo import ReportFormat, hookimpl

    def list_models(leaderboard):
        return "\\n".join(row.model for table in leaderboard.tables for row in table.rows)

    def leave(leaderboard):
        raise SystemExit(3)

    @hookimpl
    def zoo_report_formats():
        yield ReportFormat(name="names", render=list_models, suffix=".names")
        yield ReportFormat(name="leaver", render=leave)
        yield ReportFormat(name="number", render=lambda leaderboard: 7)
        yield ReportFormat(name="bare", render=lambda leaderboard: "\\udc80")
"""


@pytest.fixture
def formats(write_plugin: Callable[..., str]) -> str:
    return write_plugin(FORMATS, "formats")


@pytest.fixture
def store(root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(root / "tests" / "fixtures" / "store-v1", tmp_path / "store"))


def test_a_plugins_format_is_asked_for_by_its_short_or_full_name(run_zoo: Run, formats: str, store: Path) -> None:
    for name in ("names", "formats/names"):
        result = run_zoo("rank", str(store), "--plugin", formats, "--format", name)
        assert (result.exit_code, result.stdout) == (0, "linear\n"), result.stderr


def test_a_plugins_format_is_chosen_by_the_ending_of_the_file(run_zoo: Run, formats: str, store: Path) -> None:
    file = store / "table.names"
    assert run_zoo("rank", str(store), "--plugin", formats, "-o", str(file)).exit_code == 0
    assert file.read_text() == "linear\n"


def test_an_ending_that_no_format_has_is_written_as_the_table(run_zoo: Run, formats: str, store: Path) -> None:
    file = store / "table.odd"
    assert run_zoo("rank", str(store), "--plugin", formats, "-o", str(file)).exit_code == 0
    assert "linear" in file.read_text()
    assert file.read_text() != "linear\n"


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("leaver", "it called sys.exit(3)"),
        ("number", "TypeError: render returned int, not str"),
        ("bare", "UnicodeEncodeError"),
    ],
)
def test_a_format_that_breaks_is_one_sentence_that_names_its_plugin(
    run_zoo: Run, formats: str, store: Path, name: str, cause: str
) -> None:
    result = run_zoo("rank", str(store), "--plugin", formats, "--format", name)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert f"report format '{name}' of plugin 'formats'" in result.stderr
    assert cause in result.stderr


def test_a_format_that_is_not_there_gets_near_names_of_plugins_too(run_zoo: Run, formats: str, store: Path) -> None:
    result = run_zoo("rank", str(store), "--plugin", formats, "--format", "naems")
    assert "no format is called 'naems'; did you mean 'names'?" in result.stderr


def test_columns_go_with_zoos_own_formats(run_zoo: Run, formats: str, store: Path) -> None:
    result = run_zoo("rank", str(store), "--plugin", formats, "--format", "names", "--columns", "model")
    assert "--columns works with built-in formats only" in result.stderr


def test_a_bench_writes_every_format_and_a_broken_one_affects_no_other(
    formats: str, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalog = build_catalog(Sources(files=(formats,), entry_points=False))
    written = TableChoice().declare(catalog).write_files(store)
    assert [path.name for path in written] == [
        "leaderboard.csv",
        "leaderboard.json",
        "leaderboard.md",
        "leaderboard.names.names",
    ]
    assert (store / "leaderboard.names.names").read_text() == "linear"
    assert capsys.readouterr().err.count("failed: ") == 3


def test_formats_are_among_what_a_plugin_provides(run_zoo: Run, formats: str) -> None:
    plugins = json.loads(run_zoo("plugins", "formats", "--plugin", formats, "--format", "json").stdout)
    assert plugins[0]["provides"]["report_formats"][0] == "formats/names"
    assert "4 report formats" in run_zoo("plugins", "--plugin", formats).stdout


def test_a_format_that_changes_the_leaderboard_changes_its_own_only(store: Path) -> None:
    def spoil(leaderboard: Any) -> str:
        for table in leaderboard.tables:
            for row in table.rows:
                object.__setattr__(row, "model", "mine")
                row.metrics.clear()
        return "spoiled"

    leaderboard = build_leaderboard([store])
    before = leaderboard_data(leaderboard)
    assert len(before["tables"]) > 0
    provider = Provider(name="formats", origin="file", module="formats.py")
    entry = Entry(record=ReportFormat(name="spoiler", render=spoil), full_name="formats/spoiler", provider=provider)
    assert render_foreign(entry, leaderboard) == "spoiled"
    assert leaderboard_data(leaderboard) == before
