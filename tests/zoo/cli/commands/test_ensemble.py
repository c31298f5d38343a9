"""``zoo ensemble``: real trials are averaged, and the ensembles are rows that every command copes with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from harness.records.predictions import load_predictions
from tests.harness.ensembles.conftest import MakeTrial, make_trial  # noqa: F401 - a fixture
from zoo.cli.group import zoo


def run(*words: object) -> Result:
    """Run zoo in this process."""
    return CliRunner().invoke(zoo, [str(word) for word in words])


@pytest.fixture
def runs(make_trial: MakeTrial, tmp_path: Path) -> Path:  # noqa: F811
    """Two rows of two seeds each, and one of a single seed."""
    for model, skill, seeds in (("a", 2.0, 2), ("b", 1.0, 2), ("c", 0.5, 1)):
        for seed in range(seeds):
            make_trial(model, seed=seed, skill=skill)
    return tmp_path / "runs"


def rows_of(runs: Path) -> dict[str, dict[str, Any]]:
    board = json.loads(run("rank", runs, "--format", "json", "--no-plugins").stdout)
    (table,) = board["tables"]
    return {row["cells"]["model"]: row["cells"] for row in table["rows"]}


def test_each_row_of_several_seeds_gives_an_ensemble(runs: Path) -> None:
    done = run("ensemble", runs, "--over", "seeds", "--no-plugins")
    assert done.exit_code == 0, done.output
    assert "left out: c, sgd has one seed" in done.output
    rows = rows_of(runs)
    assert {name for name, row in rows.items() if row["origin"] == "ensemble"} == {"a, 2 seeds", "b, 2 seeds"}
    assert rows["a, 2 seeds"]["params"] == 200
    shown = run("rank", runs, "--no-plugins").output
    assert "ensemble: mean probabilities of several networks, whose sizes and inference times are added up" in shown


def test_models_are_chosen_by_validation_accuracy_and_greedily(runs: Path) -> None:
    done = run("ensemble", runs, "--over", "models", "--no-plugins")
    assert done.exit_code == 0, done.output
    assert "3 models on toy: accuracy" in done.output
    done = run("ensemble", runs, "--over", "models", "--select", "greedy", "--rounds", 20, "--no-plugins")
    assert done.exit_code == 0, done.output
    assert "models on toy: accuracy" in done.output
    again = run("ensemble", runs, "--over", "models", "--no-plugins")
    assert "already there" in again.output
    assert sum(row["origin"] == "ensemble" for row in rows_of(runs).values()) == 2


def test_ensembles_go_to_another_folder_on_request(runs: Path, tmp_path: Path) -> None:
    before = sorted(path.name for path in runs.iterdir())
    assert run("ensemble", runs, "--over", "seeds", "-o", tmp_path / "other", "--no-plugins").exit_code == 0
    assert sorted(path.name for path in runs.iterdir()) == before
    assert len(list((tmp_path / "other").glob("*/record.json"))) == 2


def test_every_command_that_reads_results_copes_with_ensembles(runs: Path, tmp_path: Path) -> None:
    run("ensemble", runs, "--over", "seeds", "-o", tmp_path / "e", "--no-plugins")
    made = tmp_path / "e"
    one, other = sorted(path.parent for path in made.glob("*/record.json"))
    for words in (
        ("verify", made, "--require-seeds", 3, "--no-plugins"),
        ("verify", made, "--sample", 2, "--no-plugins"),
        ("rescore", made, "--no-plugins"),
        ("merge", made, runs, "-o", tmp_path / "merged"),
        ("diff", made, tmp_path / "merged"),
        ("submit", made, "-o", tmp_path / "submitted", "--no-plugins"),
        ("report", made, "-o", tmp_path / "site", "--model-card", "a, 2 seeds"),
        ("why", one, other, "--no-plugins"),
    ):
        done = run(*words)
        assert done.exit_code == 0, (words, done.output)
    for words in (("predict", one, "x.png"), ("why", one)):
        done = run(*words)
        assert done.exit_code == 2
        assert "ensemble" in done.output
    (page,) = (tmp_path / "site" / "rows").glob("a-2-seeds--*.html")
    text = page.read_text(encoding="utf-8")
    assert 'data-block="reliability"' in text
    assert "--over seeds --select all" in text


def test_verification_finds_an_ensemble_that_is_not_the_mean_of_its_members(runs: Path) -> None:
    from harness.records.predictions import FILE_NAME, SavedPredictions, save_predictions
    from harness.records.store import read_record, write_record
    from harness.system.atomic_files import sha256_of
    from zoo.metric import Predictions

    run("ensemble", runs, "--over", "seeds", "--no-plugins")
    (folder,) = runs.glob("ensemble-a-*")
    saved = load_predictions(folder)
    logits = saved.predictions.logits.copy()
    logits[np.arange(len(logits)), saved.predictions.labels] += 0.5
    better = Predictions(logits=logits, labels=saved.predictions.labels, classes=saved.predictions.classes)
    save_predictions(folder, SavedPredictions(predictions=better, samples=saved.samples), is_double=True)
    record = read_record(folder / "record.json")
    files = {**record.files, FILE_NAME: sha256_of(folder / FILE_NAME)}
    write_record(folder, record.model_copy(update={"files": files, "metrics": {}}))
    done = run("verify", runs, "--no-plugins")
    assert done.exit_code == 1
    assert "its predictions are not the mean of those of its members" in done.output
    assert done.output.count("not the mean") == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--over", "folds"), "there is nothing to average over folds; no cross-validation has all its folds"),
        (("--over", "seeds", "--on", "x"), "on x: only the folds of a cross-validation need another test set"),
        (("--over", "seeds", "--rounds", "3"), "rounds 3: expected at least 1, and --select greedy"),
        ((), "missing option '--over'"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_no_record(runs: Path, words: tuple[str, ...], sentence: str) -> None:
    before = sorted(runs.glob("*/record.json"))
    done = run("ensemble", runs, *words, "--no-plugins")
    assert done.exit_code == 2, done.output
    assert sentence in done.output
    assert sorted(runs.glob("*/record.json")) == before


def test_folds_without_an_untouched_test_split_are_refused(make_trial: MakeTrial, tmp_path: Path) -> None:  # noqa: F811
    for fold in (1, 2, 3):
        make_trial(fold=fold)
    done = run("ensemble", tmp_path / "runs", "--over", "folds", "--no-plugins")
    assert done.exit_code == 2
    assert "its folds cannot be averaged, because each was tested on other images" in done.output
    assert len(list((tmp_path / "runs").glob("*/record.json"))) == 3


def test_folds_are_averaged_where_all_were_tested_on_a_split_of_its_own(
    make_trial: MakeTrial,  # noqa: F811
    tmp_path: Path,
) -> None:
    for fold in (1, 2, 3):
        make_trial(fold=fold, further=("held",))
    done = run("ensemble", tmp_path / "runs", "--over", "folds", "-o", tmp_path / "e", "--no-plugins")
    assert done.exit_code == 0, done.output
    assert "net, 3 folds on folder:held: accuracy" in done.output
