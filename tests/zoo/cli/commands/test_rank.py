"""``zoo rank``: tables and explanations from records, without training anything."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.records.history import HistoryWriter
from harness.records.record import TrainingInfo
from harness.records.store import HISTORY_FILE, read_record, write_record
from zoo.cli.group import zoo

from ....reports.conftest import TrialFactory


@pytest.fixture
def make_trial(tmp_path: Path) -> TrialFactory:
    return TrialFactory(tmp_path / "runs")


@pytest.fixture
def store(make_trial: TrialFactory) -> Path:
    """Two models of three seeds each."""
    for seed in range(3):
        make_trial("a", seed=seed)
        make_trial("b", seed=seed, accuracy=0.8)
    return make_trial.root


def rank(*args: str | Path) -> Result:
    return CliRunner().invoke(zoo, ["rank", *map(str, args)])


def test_the_command_explains_as_text_and_as_json_and_in_no_other_format(store: Path) -> None:
    assert "minimum detectable difference" in rank(store, "--explain").stdout
    assert "minimum detectable difference" not in rank(store).stdout
    data = json.loads(rank(store, "--explain", "--format", "json").stdout)
    assert [row["label"] for row in data["explanations"][0]["rows"]] == ["a", "b"]
    refused = rank(store, "--explain", "--format", "csv")
    assert refused.exit_code == 2
    assert "--explain works with --format table or json, not csv" in refused.stderr


def test_an_unreadable_record_is_left_out_and_changes_the_exit_code(store: Path) -> None:
    damaged = sorted(store.iterdir())[0] / "record.json"
    damaged.write_text("{")
    result = rank(store, "--format", "json")
    assert result.exit_code == 1
    assert "left out" in result.stderr
    assert sum(len(row["seeds"]) for row in json.loads(result.stdout)["tables"][0]["rows"]) == 5


def test_every_folder_that_is_missing_is_named(store: Path, tmp_path: Path) -> None:
    result = rank(store, tmp_path / "none", tmp_path / "nowhere")
    assert result.exit_code == 2
    assert "none" in result.stderr
    assert "nowhere" in result.stderr


def test_a_file_has_the_format_of_its_suffix(store: Path, tmp_path: Path) -> None:
    assert rank(store, "-o", tmp_path / "table.csv").exit_code == 0
    assert (tmp_path / "table.csv").read_text().startswith("fingerprint,rank_low")


def test_brief_shows_the_table_and_nothing_else(store: Path) -> None:
    lines = rank(store, "--brief").stdout.splitlines()
    assert len(lines) == 5  # heading, header, rule and two rows
    assert lines[0] == "toy · 400 test images · 3 classes"
    assert not [
        line for line in rank(store, "--brief", "--format", "markdown").stdout.splitlines() if line.startswith("- ")
    ]


def test_brief_still_reports_errors(store: Path) -> None:
    (sorted(store.iterdir())[0] / "record.json").write_text("{")
    result = rank(store, "--brief")
    assert (result.exit_code, "left out" in result.stderr, "left out" in result.stdout) == (1, True, False)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_piped_table_is_as_wide_as_columns_says(store: Path, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert max(map(len, rank(store).stdout.splitlines())) <= width
    monkeypatch.delenv("COLUMNS")
    assert max(map(len, rank(store).stdout.splitlines())) > 120


def test_unseen_leaves_out_rows_whose_weights_may_have_seen_the_test_images(
    store: Path, make_trial: TrialFactory
) -> None:
    make_trial("tuned", seed=0, hyperparameters={"pretrained": True})
    assert "seen?" in rank(store).stdout
    kept = rank(store, "--unseen")
    assert "tuned" not in kept.stdout
    assert "seen?" not in kept.stdout
    assert "--unseen: 1 trial left out" in kept.stdout
    rows = json.loads(rank(store, "--format", "json").stdout)["tables"][0]["rows"]
    assert sorted(str(row["cells"]["seen"]) for row in rows) == ["None", "None", "unknown"]


def test_unseen_without_a_row_left_is_one_sentence(make_trial: TrialFactory) -> None:
    make_trial("tuned", seed=0, hyperparameters={"pretrained": True})
    refused = rank(make_trial.root, "--unseen")
    assert refused.exit_code == 2
    assert "column seen?" in refused.stderr


def with_history(folder: Path, *accuracies: float) -> None:
    """Let a trial have had an epoch of two seconds and 30 J for each validation accuracy."""
    writer = HistoryWriter(folder / HISTORY_FILE)
    for epoch, accuracy in enumerate(accuracies, start=1):
        row = {"event": "epoch", "epoch": epoch, "val_accuracy": accuracy, "seconds": 2.0, "joules": 30.0}
        writer.write(row)
    writer.close()
    record = read_record(folder / "record.json")
    training = TrainingInfo(
        epochs_run=len(accuracies),
        tested_epoch=len(accuracies),
        best_val_accuracy=max(accuracies),
        final_train_loss=0.1,
        seconds=2.0 * len(accuracies),
    )
    write_record(folder, record.model_copy(update={"training": training}))


def test_time_energy_and_cost_to_an_accuracy_are_those_of_the_histories(make_trial: TrialFactory) -> None:
    for model, seed, accuracies in (
        ("a", 0, (0.5, 0.9)),
        ("a", 1, (0.9,)),
        ("b", 0, (0.5, 0.6, 0.95)),
        ("b", 1, (0.1,)),
    ):
        with_history(make_trial(model, seed=seed, accuracy=0.95 if model == "a" else 0.6)[0], *accuracies)
    told = rank(make_trial.root, "--to-accuracy", "90", "--price-per-hour", "36", "--format", "csv")
    assert told.exit_code == 0, told.stderr
    first, second = csv.DictReader(io.StringIO(told.stdout))
    keys = ("time_to_accuracy", "energy_to_accuracy", "cost_to_accuracy", "seeds_to_accuracy")
    assert [float(first[key]) for key in keys] == pytest.approx([3.0, 45.0, 0.03, 2])
    assert [second[key] for key in keys] == ["", "", "", "1"]
    shown = rank(make_trial.root, "--to-accuracy", "90", "--columns", "model,time_to_accuracy", "--brief").stdout
    assert "time to 90 %" in shown
    assert "never (1/2)" in shown
    by_time = ["--to-accuracy", "90", "--sort-by", "time_to_accuracy", "--format", "json"]
    (table,) = json.loads(rank(make_trial.root, *by_time).stdout)["tables"]
    assert [row["cells"]["rank_low"] for row in table["rows"]] == [None, None]


def test_columns_of_a_goal_need_their_options(store: Path) -> None:
    for asked, said in (
        (["--columns", "time_to_accuracy"], "the column time_to_accuracy needs --to-accuracy PERCENT"),
        (["--sort-by", "cost_to_accuracy", "--to-accuracy", "90"], "cost_to_accuracy needs --price-per-hour PRICE"),
        (["--price-per-hour", "2"], "--price-per-hour needs --to-accuracy PERCENT"),
        (["--to-accuracy", "0"], "--to-accuracy"),
    ):
        refused = rank(store, *asked)
        assert refused.exit_code == 2
        assert said in refused.stderr
