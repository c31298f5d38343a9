"""Differences from Python are those of the command."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import zoo
from zoo.cli.group import zoo as group

STORE = Path(__file__).parents[2] / "fixtures" / "store-v1"


def test_a_difference_is_the_text_and_the_table_of_the_command() -> None:
    found = zoo.diff(STORE, [STORE])
    assert CliRunner().invoke(group, ["diff", str(STORE), str(STORE)]).stdout == str(found)
    told = CliRunner().invoke(group, ["diff", str(STORE), str(STORE), "--format", "csv"]).stdout
    assert list(found.table.columns) == told.splitlines()[0].split(",")
    assert len(found.table) == len(told.splitlines()) - 1 > 0
    assert found.alarms == ()
    assert found._repr_html_().startswith("<pre>")


def test_both_missing_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(zoo.errors.ManyErrors) as caught:
        zoo.diff(tmp_path / "one", tmp_path / "two")
    assert len(caught.value.errors) == 2
