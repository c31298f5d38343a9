"""zoo from Python says what the command line says."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

import zoo
from zoo.cli.group import zoo as group

STORE = Path(__file__).parents[2] / "fixtures" / "store-v1"


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


def test_a_ranking_explains_its_ranks_as_the_command_does() -> None:
    told = CliRunner().invoke(group, ["rank", str(STORE), "--explain"]).stdout
    explained = zoo.rank(STORE).explain()
    assert str(explained).strip() in told
    assert explained._repr_html_().startswith("<pre>")
    assert explained.items[0].rows


def test_a_ranking_writes_the_site_of_the_command(tmp_path: Path) -> None:
    page = zoo.rank(STORE).report(tmp_path / "python", images=False)
    told = CliRunner().invoke(
        group, ["--no-plugins", "report", str(STORE), "--out", str(tmp_path / "command"), "--no-images"]
    )
    assert told.exit_code == 0, told.output
    names = {path.name for path in (tmp_path / "command").iterdir()}
    assert page.name in names == {path.name for path in (tmp_path / "python").iterdir()}
    assert (tmp_path / "python" / "index.html").read_bytes() == (tmp_path / "command" / "index.html").read_bytes()


def test_the_best_model_is_the_first_row_and_its_trial_is_chosen_by_validation() -> None:
    ranking = zoo.rank(STORE)
    best = ranking.best
    assert best.title == ranking.models[0].title
    assert best.row is ranking.leaderboard.rows[0]
    assert {record.trial_id for _, record in best.trials} == set(best.row.trials)
    assert best.title in repr(best)


def test_a_ranking_without_results_has_no_best_model(tmp_path: Path) -> None:
    from zoo.api.ranking import Ranking

    empty = Ranking(replace(zoo.rank(STORE).leaderboard, tables=()))
    assert empty.models == []
    with pytest.raises(zoo.errors.StoreError, match="no row with a network has a result yet"):
        _ = empty.best


def test_weights_that_were_not_copied_are_told(tmp_path: Path) -> None:
    best = replace(zoo.rank(STORE).best, trials=[(tmp_path, record) for _, record in zoo.rank(STORE).best.trials])
    with pytest.raises(zoo.errors.StoreError, match="has weights"):
        best.load()


def test_unseen_rows_and_plugin_metrics_are_chosen_as_on_the_command_line(tmp_path: Path) -> None:
    store = STORE
    assert zoo.rank(store, unseen=True).table.equals(zoo.rank(store).table)  # all were trained from scratch
    with pytest.raises(zoo.errors.ZooError, match=r"gone\.py: no such file"):
        zoo.rank(store, plugins=[tmp_path / "gone.py"])
    broken = tmp_path / "broken.py"
    broken.write_text("raise RuntimeError('no luck')")
    assert len(zoo.rank(store, plugins=[broken]).table)
    with pytest.raises(zoo.errors.ZooError, match="no luck"):
        zoo.rank(store, plugins=[broken], strict_plugins=True)


def test_the_region_of_practical_equivalence_is_that_of_the_command_line() -> None:
    with pytest.raises(zoo.errors.UsageError, match="rope = -1: expected a number of points, 0 or more"):
        zoo.rank(STORE, rope=-1)
    told = CliRunner().invoke(group, ["rank", str(STORE), "--rope", "2", "--format", "json"])
    overall = zoo.rank(STORE, rope=2).leaderboard.overall
    assert (overall is None) == (json.loads(told.stdout).get("overall") is None)
    if overall is not None:
        assert overall.rope == 2


def test_a_goal_is_that_of_the_command_line() -> None:
    rows = zoo.rank(STORE, to_accuracy=10, price_per_hour=2).leaderboard.rows
    assert any(row.reached is not None and row.reached.cost is not None for row in rows)
    for wrong, said in (
        ({"to_accuracy": 0}, "to_accuracy = 0: expected a percentage above 0 and up to 100"),
        ({"price_per_hour": 1}, "price_per_hour needs to_accuracy"),
        ({"to_accuracy": 90, "price_per_hour": -1}, "price_per_hour = -1: expected a number, 0 or more"),
    ):
        with pytest.raises(zoo.errors.UsageError, match=said):
            zoo.rank(STORE, **wrong)


def test_a_report_writes_the_page_of_features_where_that_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(
        "reports.site.features_page.write_features_page", lambda folder, *_, **__: asked.append(folder) or 0
    )
    ranking = zoo.rank(STORE)
    ranking.report(tmp_path / "plain", images=False)
    assert asked == []
    ranking.report(tmp_path / "points", images=False, features=True)
    assert asked == [tmp_path / "points"]
