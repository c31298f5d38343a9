"""zoo from Python says what the command line says."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

import zoo
from zoo.cli.group import zoo as group

STORE = Path(__file__).parents[1] / "fixtures" / "store-v1"


def test_the_table_of_a_ranking_holds_the_numbers_of_the_csv_format() -> None:
    told = CliRunner().invoke(group, ["rank", str(STORE), "--format", "csv"])
    expected = pd.read_csv(io.StringIO(told.stdout))
    table = zoo.rank(STORE).table
    assert list(table["model"]) == list(expected["model"])
    shared = [name for name in expected.columns if name in table.columns]
    assert {"accuracy", "accuracy_low", "accuracy_high", "macro_f1", "params", "macs"} <= set(shared)
    for name in ("accuracy", "accuracy_low", "accuracy_high", "macro_f1", "params", "macs"):
        assert table[name].tolist() == expected[name].tolist()


def test_a_ranking_is_written_as_text_and_as_html() -> None:
    ranking = zoo.rank(STORE)
    assert ranking.leaderboard.rows[0].model in str(ranking)
    assert ranking.leaderboard.rows[0].model in ranking._repr_html_()


def test_a_folder_that_does_not_exist_is_the_sentence_of_the_command_line(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    with pytest.raises(zoo.errors.StoreError) as caught:
        zoo.rank(absent)
    told = CliRunner().invoke(group, ["rank", str(absent)])
    assert str(caught.value) in told.output


def test_ranking_never_imports_torch() -> None:
    code = f"import sys, zoo; zoo.rank({str(STORE)!r}).table; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
