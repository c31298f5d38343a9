"""Merging: what is taken from somebody else's store, and what is not."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.records.merging import merge
from harness.records.predictions import SavedPredictions, further_file, save_predictions
from harness.records.record import MetricValue, Record, TestSetKind, TestSetResult
from harness.records.runtime_result import read_result
from harness.records.store import RECORD_FILE, Store, end_of, read_record, trial_id, write_record
from harness.system.atomic_files import sha256_of
from zoo.errors import StoreError
from zoo.metric import Predictions

Add = Callable[..., Path]


@pytest.fixture
def add(small_record: Record) -> Add:
    """Writes a small trial into a store and returns its folder."""

    def write(store: Store, seed: int = 0, score: float = 0.5) -> Path:
        key = hashlib.sha256(str(seed).encode()).hexdigest()
        spec = small_record.spec.model_copy(update={"seed": seed})
        folder = store.folder(trial_id(spec, key))
        folder.mkdir(parents=True)
        (folder / "history.jsonl").write_bytes(b"{}\n")
        changes = {
            "spec": spec,
            "result_key": key,
            "trial_id": folder.name,
            "metrics": {"accuracy": MetricValue(value=score)},
            "files": {"history.jsonl": sha256_of(folder / "history.jsonl")},
        }
        write_record(folder, small_record.model_copy(update=changes))
        return folder

    return write


@pytest.fixture
def stores(tmp_path: Path) -> tuple[Store, Store, Store]:
    """Two sources and a target."""
    return Store(tmp_path / "a"), Store(tmp_path / "b"), Store(tmp_path / "c")


def records(store: Store) -> list[Record]:
    """All records of a store."""
    return [record for _, record in store.records()]


def test_trials_of_both_are_in_the_target_each_once(add: Add, stores: tuple[Store, Store, Store]) -> None:
    a, b, c = stores
    for store, seed in ((a, 0), (a, 1), (b, 1), (b, 2)):
        add(store, seed)
    summary = merge([a.root, b.root], c)
    assert (summary.added, summary.known, summary.clashes, summary.refused) == (3, 1, (), ())
    assert sorted(record.spec.seed for record in records(c)) == [0, 1, 2]
    again = merge([a.root, b.root], c)
    assert (again.added, again.known) == (0, 4)


def test_a_trial_that_is_there_under_an_earlier_name_is_known(add: Add, stores: tuple[Store, Store, Store]) -> None:
    a, _, c = stores
    folder = add(a)
    merge([a.root], c)
    earlier = f"net--set--quick--{end_of(folder.name)}"
    record = read_record(folder / RECORD_FILE)
    shutil.move(folder, a.folder(earlier))
    write_record(a.folder(earlier), record.model_copy(update={"trial_id": earlier}))
    summary = merge([a.root], c)
    assert (summary.added, summary.known, summary.clashes, summary.refused) == (0, 1, (), ())
    assert len(records(c)) == 1


def test_two_results_of_one_trial_clash_and_the_first_stays(add: Add, stores: tuple[Store, Store, Store]) -> None:
    a, b, c = stores
    add(a, 0, 0.5)
    add(b, 0, 0.6)
    summary = merge([a.root, b.root], c)
    assert len(summary.clashes) == 1
    assert records(c)[0].metrics["accuracy"].value == 0.5


def test_a_file_that_does_not_fit_its_sum_is_refused(add: Add, stores: tuple[Store, Store, Store]) -> None:
    a, _, c = stores
    (add(a) / "history.jsonl").write_bytes(b"{ }\n")
    summary = merge([a.root], c)
    assert summary.added == 0
    assert "history.jsonl" in summary.refused[0]
    assert not list(c.root.glob("*/"))


def test_links_are_refused(add: Add, stores: tuple[Store, Store, Store], tmp_path: Path) -> None:
    """mlflow's path traversals: a store of somebody else's that points outside itself."""
    a, b, c = stores
    secret = tmp_path / "secret"
    secret.write_bytes(b"{}\n")
    folder = add(a)
    (folder / "history.jsonl").unlink()
    (folder / "history.jsonl").symlink_to(secret)
    add(b, 1)
    (b.root / "linked").symlink_to(add(Store(tmp_path / "d"), 2))
    summary = merge([a.root, b.root], c)
    assert summary.added == 1
    assert len(summary.refused) == 2
    assert not list(c.root.rglob("secret"))


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "..", ".lock", "a/b"])
def test_names_that_leave_the_folder_are_refused(add: Add, stores: tuple[Store, Store, Store], name: str) -> None:
    a, _, c = stores
    folder = add(a)
    record = Store(a.root).read(folder.name)
    assert record is not None
    write_record(folder, record.model_copy(update={"files": {name: "0" * 64}}))
    assert len(merge([a.root], c).refused) == 1
    assert [path.name for path in c.root.parent.iterdir() if path.name == "outside"] == []


def test_a_folder_under_another_name_is_refused(add: Add, stores: tuple[Store, Store, Store]) -> None:
    a, _, c = stores
    folder = add(a)
    folder.rename(folder.parent / "renamed")
    assert "renamed" in merge([a.root], c).refused[0]


def test_a_source_that_is_not_there_is_an_error(add: Add, stores: tuple[Store, Store, Store]) -> None:
    a, b, c = stores
    add(a)
    with pytest.raises(StoreError, match="no folder"):
        merge([a.root, b.root], c)


def test_only_what_the_record_names_is_copied(add: Add, stores: tuple[Store, Store, Store]) -> None:
    a, _, c = stores
    (add(a) / "job.json").write_text("{}")
    merge([a.root], c)
    (folder,) = (path for path in c.root.iterdir() if path.is_dir())
    assert sorted(path.name for path in folder.iterdir()) == ["history.jsonl", RECORD_FILE]


@pytest.fixture
def add_with_predictions(add: Add) -> Add:
    """Writes a small trial that has predictions."""

    def write(store: Store, seed: int = 0) -> Path:
        folder = add(store, seed)
        predictions = Predictions(logits=np.eye(2, dtype=np.float32), labels=np.array([0, 1]), classes=("a", "b"))
        samples = np.arange(2, dtype=np.uint64)
        save_predictions(folder, SavedPredictions(predictions=predictions, samples=samples))
        record = read_record(folder / RECORD_FILE)
        files = {**record.files, "predictions.safetensors": sha256_of(folder / "predictions.safetensors")}
        write_record(folder, record.model_copy(update={"files": files}))
        return folder

    return write


def test_runtime_results_are_copied_with_their_trial_or_added_to_an_existing_one(
    add_with_predictions: Add, add_runtime: Callable[..., Path], stores: tuple[Store, Store, Store]
) -> None:
    a, b, c = stores
    folder = add_with_predictions(a)
    add_runtime(folder, "onnx")
    shutil.copytree(folder, b.folder(folder.name))
    add_runtime(b.folder(folder.name), "int8")
    assert merge([a.root], c).refused == ()
    into = c.folder(folder.name)
    assert read_result(into / "runtime-onnx.json") == read_result(folder / "runtime-onnx.json")
    assert sha256_of(into / "predictions-onnx.safetensors") == sha256_of(folder / "predictions-onnx.safetensors")
    summary = merge([b.root], c)
    assert (summary.added, summary.known, summary.refused) == (0, 1, ())
    assert read_result(into / "runtime-int8.json").runtime == "int8"
    before = (into / "runtime-onnx.json").read_bytes()
    add_runtime(folder, "onnx", wrong=1)
    merge([a.root], c)
    assert (into / "runtime-onnx.json").read_bytes() == before


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"files": {"predictions-onnx.safetensors": "0" * 64}}, "does not match the checksum"),
        ({"files": {"../outside": "0" * 64}}, "result names unexpected files"),
        ({"weights_sha256": "1" * 64}, "from weights other than"),
        ({"result_key": "1" * 64}, "from weights other than"),
    ],
)
def test_mismatched_runtime_results_are_rejected_and_affect_nothing_else(
    fields: dict[str, object],
    reason: str,
    add_with_predictions: Add,
    add_runtime: Callable[..., Path],
    stores: tuple[Store, Store, Store],
) -> None:
    a, _, c = stores
    folder = add_with_predictions(a)
    add_runtime(folder, "onnx", **fields)
    summary = merge([a.root], c)
    assert summary.added == 1
    assert reason in summary.refused[0]
    assert not list(c.folder(folder.name).glob("*onnx*"))


def test_further_test_sets_are_added_to_a_known_trial_of_the_same_weights(
    add: Add, stores: tuple[Store, Store, Store]
) -> None:
    a, b, target = stores
    add(b)
    merge([b.root], target)
    folder = add(a)
    name = further_file("fog-1")
    (folder / name).write_bytes(b"predictions")
    record = read_record(folder / RECORD_FILE)
    result = TestSetResult(kind=TestSetKind.CORRUPTION, source="fog", key="k", fingerprint="f", num_images=4)
    files = {**record.files, name: sha256_of(folder / name)}
    write_record(folder, record.model_copy(update={"test_sets": {"fog-1": result}, "files": files}))
    summary = merge([a.root], target)
    assert (summary.known, summary.clashes, summary.refused) == (1, (), ())
    merged = read_record(target.folder(folder.name) / RECORD_FILE)
    assert merged.test_sets == {"fog-1": result}
    assert merged.files[name] == sha256_of(target.folder(folder.name) / name)
    # Those that are there stay, and so do results of other weights.
    other = result.model_copy(update={"key": "other"})
    write_record(folder, record.model_copy(update={"test_sets": {"fog-1": other}, "files": files}))
    merge([a.root], target)
    assert read_record(target.folder(folder.name) / RECORD_FILE).test_sets == {"fog-1": result}
    (folder / "checkpoint.safetensors").write_bytes(b"weights")
    weights = {"checkpoint.safetensors": sha256_of(folder / "checkpoint.safetensors")}
    renamed = record.model_copy(update={"test_sets": {"fog-1": result, "fog-2": result}, "files": {**files, **weights}})
    write_record(folder, renamed)
    assert "of other weights" in merge([a.root], target).refused[0]
