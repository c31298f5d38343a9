"""Contradictions: trials that cannot be what they state."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from harness.records.predictions import FILE_NAME, SavedPredictions, load_predictions, save_predictions
from harness.records.record import Record
from harness.records.store import read_record, write_record
from harness.system.atomic_files import sha256_of
from reports.publishing.contradictions import contradictions
from reports.trials.reading import read_trials

from .conftest import StoreMaker


def change(folder: Path, **fields: Any) -> None:
    write_record(folder, read_record(folder / "record.json").model_copy(update=fields))


def found(store: StoreMaker) -> list[str]:
    trials, unreadable = read_trials([store.root])
    assert not unreadable
    return contradictions(trials)


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
