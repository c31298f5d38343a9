"""Contradictions: trials that cannot be what they state."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.records.history import encode_row, read_history
from harness.records.predictions import (
    FILE_NAME,
    VAL_FILE_NAME,
    SavedPredictions,
    load_predictions,
    save_predictions,
)
from harness.records.record import Latency, Record
from harness.records.store import HISTORY_FILE, read_record, write_record
from harness.system.atomic_files import sha256_of
from reports.publishing.contradictions import contradictions
from reports.trials.reading import read_trials

from .conftest import StoreMaker


def change(folder: Path, **fields: Any) -> None:
    write_record(folder, read_record(folder / "record.json").model_copy(update=fields))


def found(store: StoreMaker) -> list[str]:
    trials, unreadable = read_trials([store.root])
    assert not unreadable
    return contradictions(trials, store.metrics)


def copy_scores(source: Path, target: Path, record: Record) -> None:
    """Give a trial the predictions and the numbers of another one, in another order, with the sums redone."""
    saved = load_predictions(source)
    order = range(len(saved.samples) - 1, -1, -1)
    turned = SavedPredictions(predictions=saved.predictions.select(list(order)), samples=saved.samples[list(order)])
    save_predictions(target, turned)
    metrics = read_record(source / "record.json").metrics
    change(target, metrics=metrics, files={**record.files, FILE_NAME: sha256_of(target / FILE_NAME)})


def test_honest_trials_do_not_contradict_each_other(filled: StoreMaker) -> None:
    assert found(filled) == []


def test_settings_that_were_edited_do_not_fit_the_key(store: StoreMaker) -> None:
    folder, record = store.add("net")
    recipe = record.spec.recipe.model_copy(update={"hyperparameters": {"epochs": 1}})
    change(folder, spec=record.spec.model_copy(update={"recipe": recipe}))
    (problem,) = found(store)
    assert problem.startswith(f"{folder.name}: its key {record.result_key[:12]} is not that of the settings, images")


def test_an_evaluated_row_that_is_called_trained_does_not_fit_its_key(make_trial, tmp_path: Path) -> None:
    from harness.records.keys import result_key
    from harness.records.origin import Origin, OriginKind

    folder, record = make_trial("net")
    origin = Origin(kind=OriginKind.EVALUATED, source="timm/net", files={"w": "0" * 64})
    key = result_key(
        record.spec,
        fingerprint=record.data.fingerprint,
        pixels=record.data.pixels,
        torch_version=str(record.environment.get("torch", "")),
        origin=origin,
    )
    honest = record.model_copy(update={"origin": origin, "training": None, "result_key": key})
    assert contradictions([(folder, honest)]) == []
    (problem,) = contradictions([(folder, honest.model_copy(update={"origin": None}))])
    assert "images and origin that it states" in problem


def test_seeds_of_one_row_have_networks_of_one_size(store: StoreMaker) -> None:
    folders = [store.add("net", seed=seed) for seed in range(3)]
    folder, record = folders[1]
    assert record.model is not None
    change(folder, model=record.model.model_copy(update={"params": 99, "macs": 7}))
    assert found(store) == [
        "net · toy · sgd: its seeds state 99 and 270,000 parameters, but they train the same network",
        "net · toy · sgd: its seeds state 7 and 2,430,000 multiply-accumulates, but they train the same network",
    ]


def test_scores_of_another_seed_are_found_whatever_the_order_of_images(store: StoreMaker) -> None:
    good, _ = store.add("net", seed=0, skill=3.0)
    bad, record = store.add("net", seed=1, skill=0.5)
    copy_scores(good, bad, record)
    (problem,) = found(store)
    assert "holds the scores of" in problem
    assert good.name in problem
    assert bad.name in problem


def test_scores_of_another_network_are_found(store: StoreMaker) -> None:
    good, _ = store.add("net", skill=3.0)
    bad, record = store.add("small", skill=0.5, params=1000)
    copy_scores(good, bad, record)
    assert len(found(store)) == 1


def test_a_setting_without_effect_and_a_repeated_measurement_are_no_copies(store: StoreMaker) -> None:
    one, _ = store.add("net", recipe="sgd")
    other, record = store.add("net", recipe="sgd_with_unused_setting")
    copy_scores(one, other, record)
    assert found(store) == []
    shutil.copytree(one, store.root / "again")
    assert found(store) == [], "the same trial twice is a duplicate seed, which is named elsewhere"


def test_a_metric_that_only_the_other_seeds_have_was_left_out(store: StoreMaker) -> None:
    folders = [store.add("net", seed=seed) for seed in range(3)]
    folder, record = folders[1]
    change(folder, metrics={name: value for name, value in record.metrics.items() if name != "nll"})
    assert found(store) == [f"{folder.name}: its record has no nll, which another seed of its row has"]


def test_a_metric_that_an_earlier_version_did_not_have_is_none_that_was_left_out(store: StoreMaker) -> None:
    store.add("net", seed=0)
    folder, record = store.add("net", seed=1)
    metrics = {name: value for name, value in record.metrics.items() if name != "nll"}
    change(folder, metrics=metrics, environment={**record.environment, "zoobench": "0.0.9"})
    assert found(store) == []


def test_a_median_lies_within_the_range_of_its_windows(store: StoreMaker) -> None:
    folder, record = store.add("net", speed=1000.0)
    assert record.speed is not None
    assert record.speed.inference is not None
    rate = record.speed.inference.model_copy(update={"median": 1e6})
    change(folder, speed=record.speed.model_copy(update={"inference": rate}))
    assert found(store) == [
        f"{folder.name}: its inference rate 1e+06 images/s is outside of the range of its windows, 900 to 1,100"
    ]


def test_a_median_latency_is_not_above_the_95_percent_quantile(store: StoreMaker) -> None:
    folder, record = store.add("net")
    assert record.speed is not None
    latency = Latency(p50_ms=2.0, p95_ms=1.0, runs=9)
    change(folder, speed=record.speed.model_copy(update={"latency": latency}))
    assert found(store) == [f"{folder.name}: its median latency 2 ms is above the 95 % quantile, 1 ms"]


@pytest.mark.parametrize(
    ("edited", "said"),
    [
        (
            {"epochs_run": 1, "tested_epoch": 1},
            "1 epoch and that epoch 1 was tested, but its history has 3",
        ),
        ({"tested_epoch": 4}, "3 epochs and that epoch 4 was tested, but its history has 3"),
        ({"best_val_accuracy": 0.99}, "0.99 as highest validation accuracy, but its history 0.784"),
        (
            {"final_train_loss": 0.01},
            "0.01 as last training loss, but its history 0.666667",
        ),
    ],
)
def test_a_training_is_what_its_history_says(store: StoreMaker, edited: dict[str, Any], said: str) -> None:
    folder, record = store.add("net")
    assert record.training is not None
    change(folder, training=record.training.model_copy(update=edited))
    assert found(store) == [f"{folder.name}: its record states {said}"]


@pytest.mark.parametrize(("num_right", "is_found"), [(78, False), (79, False), (82, True), (100, True)])
def test_a_history_fits_the_predictions_for_the_validation_images(
    store: StoreMaker, num_right: int, is_found: bool
) -> None:
    folder, record = store.add("net")
    (last,) = (row for row in read_history(folder / HISTORY_FILE) if row["epoch"] == 3)
    assert last["val_accuracy"] == pytest.approx(0.784)
    saved = load_predictions(folder)
    val = saved.predictions.select(list(range(100)))
    logits_NK = np.zeros_like(val.logits)
    logits_NK[np.arange(100), val.labels] = 1.0
    logits_NK[num_right:] *= -1.0
    save_predictions(
        folder,
        SavedPredictions(predictions=replace(val, logits=logits_NK), samples=saved.samples[:100]),
        name=VAL_FILE_NAME,
    )
    change(folder, files={**record.files, VAL_FILE_NAME: sha256_of(folder / VAL_FILE_NAME)})
    said = f"0.784 for the tested epoch, but its predictions for the validation images give {num_right / 100:.6g}"
    assert [said in problem for problem in found(store)] == [True] * is_found


def test_an_edited_history_is_found_by_its_record(store: StoreMaker) -> None:
    folder, record = store.add("net")
    rows = [{**row, "val_accuracy": 0.999} for row in read_history(folder / HISTORY_FILE)]
    (folder / HISTORY_FILE).write_bytes(b"".join(map(encode_row, rows)))
    change(folder, files={**record.files, HISTORY_FILE: sha256_of(folder / HISTORY_FILE)})
    (problem,) = found(store)
    assert problem.endswith("its record states 0.784 as highest validation accuracy, but its history 0.999")


def test_a_metric_of_a_plugin_may_be_there_for_some_seeds(store: StoreMaker) -> None:
    folder, record = store.add("net", seed=0)
    store.add("net", seed=1)
    change(folder, metrics={**record.metrics, "of_a_plugin": record.metrics["nll"]})
    assert found(store) == []


def test_a_history_without_a_whole_row_is_found(store: StoreMaker) -> None:
    folder, record = store.add("net")
    text = (folder / HISTORY_FILE).read_text(encoding="utf-8")
    (folder / HISTORY_FILE).write_text(text.replace('"val_accuracy": 0.', '"val_accuracy": 0.9'), encoding="utf-8")
    change(folder, files={**record.files, HISTORY_FILE: sha256_of(folder / HISTORY_FILE)})
    assert found(store) == [f"{folder.name}: history.jsonl has no whole row of an epoch"]
