"""``zoo bench --folds N``: what is planned, refused, and run for real."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from harness.data.splitting import hash_ids
from harness.records.predictions import load_predictions
from harness.records.store import Store

Run = Callable[..., Result]
DOTS = ("--models", "tiny_net", "--data", "dots", "--recipes", "quick")


def test_each_fold_of_each_seed_is_a_trial(run_shelf: Run) -> None:
    plan = json.loads(run_shelf("plan", *DOTS, "--folds", "3", "--seeds", "2", "--format", "json").stdout)
    assert [(trial["seed"], trial["dataset"]["fold"]) for trial in plan["trials"]] == [
        (seed, fold) for seed in (0, 1) for fold in (1, 2, 3)
    ]
    table = run_shelf("plan", *DOTS, "--folds", "3", "--seeds", "2").stdout
    assert "dots, 3 folds" in table
    assert "6 trials of 1 combination" in table


@pytest.mark.parametrize("folds", [(), ("--folds", "2")])
def test_seeds_that_draw_their_own_splits_are_one_combination_of_the_plan(
    run_shelf: Run, folds: tuple[str, ...]
) -> None:
    plan = json.loads(run_shelf("plan", *DOTS, *folds, "--seeds", "2", "--resplit", "--format", "json").stdout)
    assert {(trial["seed"], trial["dataset"]["resplit"]) for trial in plan["trials"]} == {(0, 0), (1, 1)}
    table = run_shelf("plan", *DOTS, *folds, "--seeds", "2", "--resplit").stdout
    assert "dots, 2 folds, resplit" in table if folds else "dots, resplit" in table
    assert "of 1 combination" in table


def test_a_search_on_one_validation_split_is_refused_with_others(run_shelf: Run) -> None:
    done = run_shelf("plan", *DOTS, "--resplit", "--tune", "4")
    assert done.exit_code == 2
    assert "tune cannot be combined with resplit" in done.stderr


def test_a_suite_can_ask_for_folds(run_shelf: Run, tmp_path: Path) -> None:
    suite = tmp_path / "suite.toml"
    suite.write_text('models = ["tiny_net"]\ndata = ["dots"]\nrecipes = ["quick"]\nseeds = 1\nfolds = 4\n')
    plan = json.loads(run_shelf("plan", str(suite), "--format", "json").stdout)
    assert len(plan["trials"]) == 4


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--folds", "1"), "greater than or equal to 2"),
        (("--folds", "5", "--limit-test", "9"), "folds cannot be combined with limit_train or limit_test"),
    ],
)
def test_images_that_cannot_be_divided_into_folds_are_rejected(
    run_shelf: Run, options: tuple[str, ...], sentence: str
) -> None:
    done = run_shelf("plan", *DOTS, *options)
    assert done.exit_code == 2
    assert sentence in done.stderr


@pytest.mark.slow
def test_groups_in_a_csv_stay_together_and_a_lost_fold_is_run_again(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    groups: dict[int, str] = {}
    with (tmp_path / "list.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label", "group"])
        for number in range(60):
            pixels = rng.integers(0, 100, (8, 8, 1), dtype=np.uint8) + 120 * (number % 3 == 0)
            Image.fromarray(pixels[:, :, 0].astype(np.uint8)).save(tmp_path / f"{number}.png")
            rows.writerow([f"{number}.png", "light" if number % 3 == 0 else "dark", f"g{number // 3}"])
            groups[int(hash_ids([f"{number}.png"])[0])] = f"g{number // 3}"
    command = [
        sys.executable, "-c", "from zoo.cli import main; main()", "--no-plugins", "bench", "--models", "linear",
        "--data", "csv:list.csv", "--folds", "4", "--seeds", "1", "--epochs", "2", "--measure-seconds", "0",
        "--set", "recipe.class_weights=balanced", "--columns", "accuracy,balanced_accuracy,average_precision",
        "--format", "csv",
    ]  # fmt: skip
    environment = {**os.environ, "ZOO_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}

    def bench() -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=250)
        assert done.returncode == 0, done.stderr
        return done

    first = bench()
    trials = {record.spec.dataset.fold: (folder, record) for folder, record in Store(tmp_path / "runs").records()}
    assert set(trials) == {None, 1, 2, 3, 4}
    folds_of: dict[str, set[int]] = {}
    for fold in (1, 2, 3, 4):
        for sample in load_predictions(trials[fold][0]).samples.tolist():
            folds_of.setdefault(groups[sample], set()).add(fold)
    assert len(folds_of) == 20
    assert all(len(folds) == 1 for folds in folds_of.values())
    whole = load_predictions(trials[None][0])
    assert sorted(whole.samples.tolist()) == sorted(groups)
    shutil.rmtree(trials[2][0])
    shutil.rmtree(trials[None][0])
    second = bench()
    assert second.stderr.count(" reused: ") == 3
    assert second.stdout == first.stdout
    assert load_predictions(trials[None][0]).predictions.logits.tobytes() == whole.predictions.logits.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("folds", [(), ("--folds", "3")], ids=["validation splits", "folds"])
def test_seeds_with_splits_of_their_own_are_rows_that_are_compared(tmp_path: Path, folds: tuple[str, ...]) -> None:
    command = [
        sys.executable, "-c", "from zoo.cli import main; main()", "--no-plugins", "bench", "--models", "linear,lenet5",
        "--data", "digits", "--seeds", "2", "--epochs", "1", "--measure-seconds", "0", "--resplit", *folds,
        "--format", "json",
    ]  # fmt: skip
    environment = {**os.environ, "ZOO_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}

    def bench() -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=250)
        assert done.returncode == 0, done.stderr
        return done

    (table,) = json.loads(bench().stdout)["tables"]
    covered = "weights, order, validation split, "
    covered += "folds, training images, test images" if folds else "test images"
    assert [row["cells"]["interval_covers"] for row in table["rows"]] == [covered] * 2
    assert all(row["cells"]["rank_low"] for row in table["rows"])
    records = [record for _, record in Store(tmp_path / "runs").records() if not record.spec.dataset.fold]
    assert {(record.spec.seed, record.spec.dataset.resplit) for record in records} == {(0, 0), (1, 1)}
    assert len({record.data.fingerprint for record in records if record.data}) == 1
    assert bench().stderr.count(" reused: ") == (12 if folds else 4)
