"""Classifiers that exist are tested without training, by the protocol of trained rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import zoo
from harness.classifiers.formats import FORMATS
from harness.classifiers.trained import load_trained
from harness.records.predictions import load_predictions
from harness.records.record import Record
from harness.records.store import CHECKPOINT_FILE, Store
from zoo.errors import UsageError, ZooError

QUIET = {"show": "nothing", "measure_seconds": 0.02}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Record]:
    """The folder and record of a trial on digits."""
    store = tmp_path_factory.mktemp("store") / "runs"
    result = zoo.bench("linear", "digits", seeds=1, epochs=1, out=store, **QUIET)
    (record,) = result.records
    return store / record.trial_id, record


def test_a_trained_trial_scores_as_it_did(trained: tuple[Path, Record], tmp_path: Path) -> None:
    folder, record = trained
    result = zoo.evaluate(f"trial:{folder}", "digits", carve_test=True, out=tmp_path / "runs", **QUIET)
    (evaluated,) = result.records
    assert evaluated.metrics == record.metrics
    before, after = (
        load_predictions(path).predictions.logits for path in (folder, tmp_path / "runs" / evaluated.trial_id)
    )
    assert np.array_equal(before, after)
    assert evaluated.training is None
    assert evaluated.origin is not None
    assert evaluated.origin.kind == "evaluated"
    assert evaluated.origin.source == f"trial:{record.trial_id}"
    assert evaluated.origin.files == {CHECKPOINT_FILE: record.files[CHECKPOINT_FILE]}
    assert evaluated.spec.recipe.full_name == "zoo/as_published"
    assert evaluated.speed is not None
    assert evaluated.speed.inference is not None
    assert evaluated.speed.train is None
    assert evaluated.model is not None
    assert record.model is not None
    assert (evaluated.model.params, evaluated.model.macs) == (record.model.params, record.model.macs)


def test_the_same_call_again_finds_its_record(trained: tuple[Path, Record], tmp_path: Path) -> None:
    folder, _ = trained
    first, second = (zoo.evaluate(f"trial:{folder}", "digits", out=tmp_path / "runs", **QUIET) for _ in range(2))
    assert [each.started_at for each in first.records] == [each.started_at for each in second.records]
    assert len(list((tmp_path / "runs").glob("*/record.json"))) == 1


def test_evaluated_weights_run_under_other_runtimes(trained: tuple[Path, Record], tmp_path: Path) -> None:
    from harness.records.runtime_result import read_result

    given = {"carve_test": True, "runtimes": ["eager", "torchscript"], "out": tmp_path / "runs", **QUIET}
    result = zoo.evaluate(f"trial:{trained[0]}", "digits", **given)
    assert result.problems == ()
    (record,) = result.records
    found = read_result(tmp_path / "runs" / record.trial_id / "runtime-torchscript.json")
    assert (found.outcome.value, found.top1_agreement) == ("done", 1)
    assert found.max_difference is not None
    assert found.max_difference < 1e-4
    assert found.weights_sha256 == trained[1].files[CHECKPOINT_FILE]
    assert found.metrics["accuracy"] == record.metrics["accuracy"]
    assert sorted(result.table["runtime"]) == ["eager", "torchscript"]
    assert set(result.table["origin"]) == {"evaluated"}
    again = zoo.evaluate(f"trial:{trained[0]}", "digits", **given)
    assert again.outcome is not None
    assert again.outcome.runtimes is not None
    assert (again.outcome.runtimes.done, again.outcome.runtimes.reused) == (0, 1)
    assert sorted(zoo.rank(tmp_path / "runs").table["runtime"]) == ["eager", "torchscript"]


@pytest.mark.slow
def test_int8_of_evaluated_weights_takes_its_ranges_from_training_images(
    trained: tuple[Path, Record], tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    given = {"runtimes": ["onnx", "int8"], "out": tmp_path / "runs", **QUIET}
    done = zoo.evaluate(f"trial:{trained[0]}", "digits", carve_test=True, **given)
    assert done.problems == ()
    assert sorted(done.table["runtime"]) == ["eager", "int8", "onnx"]
    images = tmp_path / "images"
    for label in range(10):
        (images / str(label)).mkdir(parents=True)
        Image.fromarray(np.full((8, 8), 25 * label, dtype=np.uint8)).save(images / str(label) / "0.png")
    without = zoo.evaluate(f"trial:{trained[0]}", f"folder:{images}", **given)
    assert "has no training images here to take the ranges of activations from" in without.problems[0]


def test_all_images_of_a_source_without_splits_are_tested(trained: tuple[Path, Record], tmp_path: Path) -> None:
    images = tmp_path / "images"
    for label in range(10):
        (images / str(label)).mkdir(parents=True)
        for number in range(3):
            pixels = np.full((8, 8), 25 * label + number, dtype=np.uint8)
            Image.fromarray(pixels).save(images / str(label) / f"{number}.png")
    results = [
        zoo.evaluate(f"trial:{trained[0]}", f"folder:{images}", carve_test=carve, out=tmp_path / "runs", **QUIET)
        for carve in (False, True)
    ]
    every, carved = (record.data for result in results for record in result.records)
    assert every is not None
    assert carved is not None
    assert (every.num_train, every.num_val, every.num_test) == (0, 0, 30)
    assert any("all 30 images are tested" in note for note in every.notes)
    assert carved.num_train > carved.num_test > 0


def test_a_row_beside_trained_ones_shares_their_table_and_lacks_no_seeds(
    trained: tuple[Path, Record], tmp_path: Path
) -> None:
    folder, _ = trained
    result = zoo.bench(
        ["linear", f"trial:{folder}"], "digits", ["sgd_quick", "as_published"], seeds=2, epochs=1, out=tmp_path, **QUIET
    )
    (table,) = result.leaderboard.tables
    found = {(row.recipe, row.origin.word if row.origin else "", len(row.seeds)) for row in table.rows}
    assert found == {("sgd_quick", "", 2), ("as_published", "evaluated", 1)}
    assert not any(row.unfinished for row in table.rows)


def test_an_exported_file_is_a_row_of_its_own(
    trained: tuple[Path, Record], catalog: zoo.Catalog, tmp_path: Path
) -> None:
    folder, record = trained
    path = tmp_path / "linear.safetensors"
    FORMATS["safetensors"].write(load_trained(folder, catalog), path)
    (evaluated,) = zoo.evaluate(f"file:{path}", "digits", carve_test=True, out=tmp_path / "runs", **QUIET).records
    assert evaluated.metrics == record.metrics
    assert evaluated.origin is not None
    assert evaluated.origin.source == "file:linear.safetensors"
    assert str(tmp_path) not in json.dumps(evaluated.model_dump(mode="json"))


ONE_NODE = """
from contextlib import nullcontext
from zoo import Executor, hookimpl

def open_node(options):
    from tests.harness.bench.inline_workers import InlineWorkers
    return nullcontext(InlineWorkers())

@hookimpl
def zoo_executors():
    yield Executor(name="one_node", open=open_node)
"""


def test_classifiers_are_tested_on_other_machines_to_the_same_bits_and_their_files_travel(
    trained: tuple[Path, Record], catalog: zoo.Catalog, tmp_path: Path
) -> None:
    folder, _ = trained
    plugin, path = tmp_path / "one_node.py", tmp_path / "linear.safetensors"
    plugin.write_text(ONE_NODE)
    FORMATS["safetensors"].write(load_trained(folder, catalog), path)
    named = [f"trial:{folder}", f"file:{path}"]

    def logits(store: Path, record: Record) -> object:
        return load_predictions(store / record.trial_id).predictions.logits.tobytes()

    def evaluate(out: str, **options: Any) -> list[tuple[Any, ...]]:
        result = zoo.evaluate(named, "digits", carve_test=True, out=tmp_path / out, **{**QUIET, **options})
        return [
            (each.trial_id, each.result_key, each.metrics, each.origin, logits(tmp_path / out, each))
            for each in result.records
        ]

    home = evaluate("home")
    assert evaluate("away", plugins=[plugin], executor="one_node") == home
    records = dict(Store(tmp_path / "away").records())
    assert {record.environment["node"] for record in records.values()} == {"here"}
    assert evaluate("away") == home  # begun there, and finished here
    assert dict(Store(tmp_path / "away").records()) == records


def test_a_head_that_does_not_fit_is_one_sentence_and_leaves_no_record(
    trained: tuple[Path, Record], tmp_path: Path
) -> None:
    folder, _ = trained
    with pytest.raises(ZooError, match="cannot be tested on synthetic"):
        zoo.evaluate(f"trial:{folder}", "synthetic", out=tmp_path / "runs", **QUIET)
    assert not list((tmp_path / "runs").glob("*/record.json"))


def test_a_classifier_by_a_path_is_not_trained(trained: tuple[Path, Record], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="tested as it is, and not trained"):
        zoo.bench(f"trial:{trained[0]}", "digits", "sgd_quick", out=tmp_path, **QUIET)


def test_settings_of_training_have_no_effect_and_say_so(trained: tuple[Path, Record], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"recipe.lr has no effect in as_published, which trains nothing"):
        zoo.evaluate(f"trial:{trained[0]}", "digits", set={"recipe.lr": 0.1}, out=tmp_path, **QUIET)


PLUGIN = """
import torch
from torch import nn

from zoo import Architecture, ClassList, Preparation, PublishedFigure, PublishedHead, hookimpl

HEAD = PublishedHead(
    classes=ClassList(
        names=("red, ruby", "green", "blue", "grey, gray"), ids=tuple(f"n0000000{number}" for number in (1, 2, 3, 4))
    ),
    figures=(PublishedFigure(value=1.0, dataset="colours"),),
)


def build(request):
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(request.in_channels, request.num_classes))
    if request.pretrained and request.num_classes == 4:
        with torch.no_grad():
            model[2].weight.copy_(torch.cat([torch.eye(3), torch.full((1, 3), 0.6)]))
            model[2].bias.zero_()
    return model


@hookimpl
def zoo_architectures():
    yield Architecture(
        name="colours",
        build=build,
        has_pretrained=True,
        native_size=8,
        preparation=lambda options: Preparation(size=8, mean=(0.0,) * 3, std=(1.0,) * 3),
        head=lambda options: HEAD,
    )
"""


def _colours(folder: Path, names: dict[str, tuple[int, int, int]]) -> Path:
    for name, colour in names.items():
        (folder / name).mkdir(parents=True)
        for number in range(4):
            shade = tuple(max(0, value - number) for value in colour)
            Image.new("RGB", (10, 10), shade).save(folder / name / f"{number}.png")
    return folder


def test_published_weights_are_tested_with_their_own_head_over_a_subset_or_all_classes(tmp_path: Path) -> None:
    plugin = tmp_path / "colours.py"
    plugin.write_text(PLUGIN)
    # Rose is nearer to grey than to red for this head, but of red and blue it is red.
    folder = _colours(tmp_path / "images", {"n00000003": (0, 0, 250), "Ruby": (250, 200, 200)})
    options = {"plugins": [plugin], "out": tmp_path / "runs", **QUIET}
    found = {}
    for argmax in ("subset", "all"):
        (record,) = zoo.evaluate("colours", f"folder:{folder}", argmax=argmax, **options).records
        assert record.origin is not None
        found[argmax] = (record.metrics["accuracy"].value, record.origin.mapping)
    by = "of the head's 4 classes, matched by name; the highest logit among"
    assert found == {"subset": (1.0, f"2 {by} these 2 counts"), "all": (0.5, f"2 {by} all 4 counts")}
    predictions = load_predictions(tmp_path / "runs" / record.trial_id).predictions
    assert predictions.classes == ("Ruby", "n00000003", "green", "grey, gray")
    assert predictions.logits.shape == (8, 4)
    assert record.origin.published is not None
    assert record.origin.published.value == 1.0


def test_an_uncertain_class_of_a_published_head_is_one_sentence_and_leaves_no_record(tmp_path: Path) -> None:
    plugin = tmp_path / "colours.py"
    plugin.write_text(PLUGIN)
    folder = _colours(tmp_path / "images", {"blue": (0, 0, 250), "rubby": (250, 0, 0)})
    options = {"plugins": [plugin], "out": tmp_path / "runs", **QUIET}
    with pytest.raises(ZooError, match=r"1 of 2 classes are not among the head's 4: 'rubby' \(near: 'red, ruby'\)"):
        zoo.evaluate("colours", f"folder:{folder}", **options)
    assert not list((tmp_path / "runs").glob("*/record.json"))
    given = tmp_path / "map.csv"
    given.write_text("rubby,red\n")
    (record,) = zoo.evaluate("colours", f"folder:{folder}", class_map=str(given), **options).records
    assert record.metrics["accuracy"].value == 1.0


def test_an_onnx_file_predicts_as_the_trial_that_it_was_exported_from(
    trained: tuple[Path, Record], catalog: zoo.Catalog, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    folder, record = trained
    path = tmp_path / "linear.onnx"
    FORMATS["onnx"].write(load_trained(folder, catalog), path)
    (evaluated,) = zoo.evaluate(f"onnx:{path}", "digits", out=tmp_path / "runs", **QUIET).records
    assert evaluated.outcome == "done", evaluated.reason
    assert evaluated.metrics["accuracy"] == record.metrics["accuracy"]
    assert evaluated.spec.architecture.full_name == "onnx/linear"
    assert evaluated.model is not None
    assert (evaluated.model.params, evaluated.model.macs) == (None, None)  # unknown, which is not 0
