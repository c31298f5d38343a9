"""``zoo bench --gpus-per-trial``: the same result, from several processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


def records(store: Path) -> dict[str, dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in store.glob("*/record.json")]
    return {record["spec"]["architecture"]["display_name"]: record for record in found}


@pytest.mark.parametrize("given", ["0", "65", "two"])
def test_a_number_that_cannot_be_is_refused(run_zoo, given):
    ended = run_zoo("bench", "--gpus-per-trial", given)
    assert ended.returncode == 2
    assert "gpus_per_trial" in ended.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_processes_give_the_result_of_one(run_zoo, tmp_path):
    asked = ["bench", "--models", "linear,resnet20_cifar", "--data", "digits", "--seeds", "1", "--epochs", "2"]
    asked += ["--device", "cpu", "--threads", "2", "--limit-train", "400", "--measure-seconds", "0.05", "-q"]
    # In channels-last memory torch's own batch normalisation rounds otherwise, and so would be what differs here.
    asked += ["--layout", "contiguous"]
    # At the recipe's own rate, rounding grows to some hundredths of the accuracy within twelve steps of a ResNet-20.
    asked += ["--set", "recipe.lr=0.003"]
    for store, count in (("one", "1"), ("two", "2")):
        ended = run_zoo(*asked, "--gpus-per-trial", count, "--out", store, timeout=250)
        assert ended.returncode == 0, ended.stderr
    one, two = records(tmp_path / "one"), records(tmp_path / "two")
    for name, record in one.items():
        other = two[name]
        assert other["result_key"] == record["result_key"]
        assert other["measurement_key"] != record["measurement_key"]
        # Rounding may move an image over a border; there are 898.
        assert other["metrics"]["accuracy"]["value"] == pytest.approx(
            record["metrics"]["accuracy"]["value"], abs=0.005
        ), name
        assert other["training"]["best_val_accuracy"] == pytest.approx(
            record["training"]["best_val_accuracy"], abs=0.03
        )
        assert record["speed"]["train"] is not None
        assert other["speed"]["train"] is None
        assert other["speed"]["train_end_to_end"]["median"] > 0
        assert any("trained on 2 devices" in note for note in other["speed"]["notes"])
    # The same store does not compute it again.
    ended = run_zoo(*asked, "--gpus-per-trial", "2", "--out", "one")
    assert ended.returncode == 0
    assert records(tmp_path / "one") == one


@pytest.mark.slow
def test_incompatible_settings_are_rejected_before_any_trial(run_zoo, tmp_path):
    ended = run_zoo("bench", "--device", "cpu", "--gpus-per-trial", "2", "--compile", "on", "--out", "runs")
    assert ended.returncode == 2
    assert "--gpus-per-trial 2 and --compile on cannot be combined" in ended.stderr
    assert not list((tmp_path / "runs").glob("*/record.json"))
