"""Tables: what a catalog says about metrics, and the files that a bench writes."""

from __future__ import annotations

import shutil
from pathlib import Path

from zoo import Catalog, ReportFormat
from zoo.api.tables import MetricDeclarations, formats_of, write_tables
from zoo.catalog import Entry, Provider

STORE = Path(__file__).parents[2] / "fixtures" / "store-v1"


def test_metrics_of_a_catalog_are_declared(catalog: Catalog) -> None:
    declared = MetricDeclarations.of(catalog)
    assert "brier" in {column.key for column in declared.columns}
    assert declared.versions["accuracy"] >= 1
    assert formats_of(catalog) == {}


def test_a_store_gets_its_files_although_a_format_of_a_plugin_fails(catalog: Catalog, tmp_path: Path) -> None:
    shutil.copytree(STORE, tmp_path / "runs")

    def fail(leaderboard: object) -> str:
        raise ValueError("no")

    provider = Provider(name="it", origin="file", module="it")
    entries = [
        Entry(record=ReportFormat(name=name, render=render, suffix=".txt"), full_name=f"it/{name}", provider=provider)
        for name, render in (("good", lambda leaderboard: "text"), ("bad", fail))
    ]
    written, problems = write_tables(tmp_path / "runs", MetricDeclarations.of(catalog), entries)
    assert [path.name for path in written] == [
        "leaderboard.csv", "leaderboard.json", "leaderboard.md", "leaderboard.good.txt"
    ]  # fmt: skip
    assert [problem for problem in problems if "ValueError: no" in problem] == problems != []
