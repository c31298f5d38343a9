"""Verification: numbers that do not follow from the records are found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.records.origin import Origin, OriginKind
from harness.records.predictions import FILE_NAME, VAL_FILE_NAME, further_file, load_predictions, save_predictions
from harness.records.record import TestSetKind, TestSetResult
from harness.records.store import read_record, write_record
from harness.system.atomic_files import sha256_of
from reports.publishing.verification import check_trial, noise_problem, sample_of, seed_noise, store_problems
from reports.trials.reading import read_trials
from zoo import Catalog

from .conftest import RunZoo, StoreMaker


def _change(folder: Path, **fields: object) -> None:
    record = read_record(folder / "record.json")
    write_record(folder, record.model_copy(update=fields))


def test_records_that_follow_from_their_predictions_are_recomputed(store: StoreMaker, zoo: RunZoo) -> None:
    for seed in range(2):
        store.add("net", seed=seed)
    done = zoo("verify", store.root)
    assert done.exit_code == 0, done.output
    assert "2 of 2 finished trials recomputed, with the reported results\n" in done.output
    checked = json.loads((store.root / "verification.json").read_text())["trials"]
    assert {each["status"] for each in checked.values()} == {"recomputed"}


def test_a_number_that_does_not_follow_from_the_predictions_is_found(store: StoreMaker, zoo: RunZoo) -> None:
    folder, record = store.add("net")
    better = record.metrics["accuracy"].model_copy(update={"value": record.metrics["accuracy"].value + 0.01})
    _change(folder, metrics={**record.metrics, "accuracy": better})
    done = zoo("verify", store.root)
    assert done.exit_code == 1
    assert "accuracy is " in done.output
    assert "in its predictions" in done.output
    assert json.loads((store.root / "verification.json").read_text())["trials"] == {}


def test_a_metric_whose_plugin_is_absent_is_named_and_its_trial_is_not_called_recomputed(
    store: StoreMaker, zoo: RunZoo
) -> None:
    for seed in range(2):
        folder, record = store.add("net", seed=seed)
        kappa = record.metrics["accuracy"].model_copy(update={"value": 0.5})
        _change(folder, metrics={**record.metrics, "lab/kappa": kappa})
    store.add("whole", seed=0)
    done = zoo("verify", store.root)
    assert done.exit_code == 0, done.output
    assert "1 of 3 finished trials recomputed, with the reported results; 2 only in part" in done.output
    assert "metric 'lab/kappa' was not recomputed in 2 trials: no plugin here provides it" in done.output
    checked = json.loads((store.root / "verification.json").read_text())["trials"]
    assert [name for name in checked if "whole" in name] == list(checked)


def test_a_metric_of_another_version_is_named(store: StoreMaker, zoo: RunZoo, catalog: Catalog) -> None:
    folder, record = store.add("net")
    version = record.metrics["accuracy"].version
    _change(
        folder,
        metrics={
            **record.metrics,
            "accuracy": record.metrics["accuracy"].model_copy(update={"version": version + 1, "value": 0.123}),
        },
    )
    done = zoo("verify", store.root)
    assert (
        f"'accuracy' was not recomputed in 1 trial: its version is {version} here, and {version + 1} in the"
        in done.output
    )
    check = check_trial((folder, read_record(folder / "record.json")), list(catalog.metrics))
    assert list(check.unchecked) == ["accuracy"]
    assert not check.is_recomputed


def test_a_failed_trial_is_not_called_recomputed(store: StoreMaker, zoo: RunZoo) -> None:
    store.add("net")
    store.add("other", failure="it broke")
    done = zoo("verify", store.root, "--require-seeds", "0")
    assert "1 of 1 finished trial recomputed" in done.output
    assert "of 1 trial without a result, only checksums were checked" in done.output
    assert len(json.loads((store.root / "verification.json").read_text())["trials"]) == 1


def test_predictions_that_were_changed_are_found_by_their_sum(store: StoreMaker, zoo: RunZoo) -> None:
    folder, _ = store.add("net")
    path = folder / "predictions.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    done = zoo("verify", store.root)
    assert done.exit_code == 1
    assert "predictions.safetensors does not match the checksum in its record" in done.output


@pytest.mark.parametrize(("num_images", "code"), [(40, 0), (39, 1)])
def test_validation_predictions_of_other_images_than_stated_are_found(
    store: StoreMaker, zoo: RunZoo, num_images: int, code: int
) -> None:
    folder, record = store.add("net")
    assert record.data is not None
    saved = load_predictions(folder)
    some = replace(
        saved,
        samples=saved.samples[:num_images],
        predictions=replace(
            saved.predictions,
            logits=saved.predictions.logits[:num_images],
            labels=saved.predictions.labels[:num_images],
            samples=None,
        ),
    )
    path = save_predictions(folder, some, name=VAL_FILE_NAME)
    _change(
        folder,
        data=record.data.model_copy(update={"num_val": 40}),
        files={FILE_NAME: record.files[FILE_NAME], VAL_FILE_NAME: sha256_of(path)},  # and no history, with its accuracy
    )
    zoo("rescore", store.root)  # some metrics are computed from them
    done = zoo("verify", store.root)
    assert done.exit_code == code
    said = "predictions of 39 validation images, but its record states 40"
    assert (said in done.output) == bool(code)


def test_a_number_of_a_further_set_that_does_not_follow_is_found(store: StoreMaker, zoo: RunZoo) -> None:
    folder, record = store.add("net")
    path = save_predictions(folder, load_predictions(folder), name=further_file("fog-1"))
    accuracy = record.metrics["accuracy"]
    files = {**record.files, path.name: sha256_of(path)}

    def verify(value: float, num_images: int = 120) -> str:
        metrics = {"accuracy": accuracy.model_copy(update={"value": value})}
        result = TestSetResult(
            kind=TestSetKind.CORRUPTION, source="fog", key="k", fingerprint="f", num_images=num_images, metrics=metrics
        )
        _change(folder, test_sets={"fog-1": result}, files=files)
        return zoo("verify", store.root).output

    assert "1 of 1 finished trial recomputed" in verify(accuracy.value)
    assert "on fog-1: accuracy is " in verify(accuracy.value + 0.1)
    assert "on fog-1: predictions of 120 images, but its record states 99" in verify(accuracy.value, 99)


def test_too_few_seeds_and_a_seed_twice_are_found(store: StoreMaker, zoo: RunZoo) -> None:
    folder, record = store.add("net")
    twin = folder.parent / f"{folder.name}-twin"
    shutil.copytree(folder, twin)
    done = zoo("verify", store.root, "--require-seeds", "3")
    assert done.exit_code == 1
    assert "1 duplicate seed" in done.output
    assert "1 finished seed, but 3 are required" in done.output
    assert record.outcome.value == "done"


def test_the_sample_does_not_depend_on_the_order_of_folders(filled: StoreMaker) -> None:
    trials, _ = read_trials([filled.root])
    assert sample_of(trials, 4, 0) == sample_of(trials[::-1], 4, 0)
    assert len({tuple(folder for folder, _ in sample_of(trials, 2, seed)) for seed in range(20)}) > 5
    assert all(record.outcome.value == "done" for _, record in sample_of(trials, 100, 0))


def test_a_run_that_is_further_off_than_seeds_are_is_not_reproduced(store: StoreMaker) -> None:
    records = [store.add("net", seed=seed)[1] for seed in range(3)]
    assert noise_problem(records[0], records[0], records) == ""
    accuracy = records[0].metrics["accuracy"]
    worse = records[0].model_copy(
        update={"metrics": {"accuracy": accuracy.model_copy(update={"value": accuracy.value - 0.6})}}
    )
    assert "seeds explain only" in noise_problem(worse, records[0], records)
    failed = store.add("other", failure="it broke")[1]
    assert "the repetition ended as failed: it broke" in noise_problem(failed, records[0], records)


def test_noise_is_the_detectable_difference_with_few_seeds_and_images() -> None:
    assert seed_noise([0.9], 10_000, 0.9) == pytest.approx(1.96 * (2 * 0.09 / 10_000) ** 0.5)
    assert seed_noise([0.88, 0.90, 0.92], 10_000, 0.9) == pytest.approx(4.3027 * 2**0.5 * 0.02, rel=1e-3)
    assert seed_noise([1.0, 1.0], 100, 1.0) > 0


def test_runtime_results_are_checked_against_their_predictions(
    store: StoreMaker, zoo: RunZoo, add_runtime: Callable[..., Path], catalog: Catalog
) -> None:
    from harness.records.derived.rescoring import rescore
    from harness.records.runtime_result import read_result, write_result

    folder, _ = store.add("net")
    path = add_runtime(folder, wrong=3)
    assert zoo("verify", store.root).exit_code == 1  # its metrics are made up
    rescore([folder], list(catalog.metrics))
    done = zoo("verify", store.root)
    assert done.exit_code == 0, done.output
    result = read_result(path)
    better = result.metrics["accuracy"].model_copy(update={"value": 1.0})
    write_result(folder, result.model_copy(update={"metrics": {**result.metrics, "accuracy": better}}))
    done = zoo("verify", store.root)
    assert done.exit_code == 1
    assert f"{folder.name} onnx: accuracy is " in done.output


def test_a_site_with_runtimes_has_pages_of_their_own_and_follows_from_its_records(
    store: StoreMaker, zoo: RunZoo, add_runtime: Callable[..., Path], catalog: Catalog, tmp_path: Path
) -> None:
    from harness.records.derived.rescoring import rescore

    for seed in range(2):
        folder, _ = store.add("net", seed=seed)
        add_runtime(folder, "onnx")
        add_runtime(folder, "int8", wrong=5)
        rescore([folder], list(catalog.metrics))
    site = tmp_path / "site"
    done = zoo("report", store.root, "-o", site)
    assert done.exit_code == 0, done.output
    pages = sorted(path.name.split("--")[3].split(".")[0] for path in (site / "rows").iterdir())
    assert [page for page in pages if page in ("int8", "onnx")] == ["int8", "onnx"]
    rows = json.loads((site / "leaderboard.json").read_bytes())["tables"][0]["rows"]
    assert sorted(row["cells"]["runtime"] for row in rows) == ["eager", "int8", "onnx"]
    done = zoo("verify", site, store.root)
    assert done.exit_code == 0, done.output


def test_predictions_made_elsewhere_have_no_seeds_and_are_not_run_again(make_trial):
    origin = Origin(kind=OriginKind.PREDICTIONS, source="b.csv", files={"b.csv": "b" * 64})
    trained, given = make_trial("a"), make_trial("b", origin=origin)
    (problem,) = store_problems([trained, given], required_seeds=2)
    assert problem.startswith("a ")
    assert sample_of([trained, given], 5, 0) == [trained]
