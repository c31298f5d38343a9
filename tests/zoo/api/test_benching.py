"""A bench from Python is the bench of the command line."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import zoo
from zoo.api.benching import RUN_DEFAULTS, BenchOptions, form_of, result_of
from zoo.api.plugin_choice import PluginChoice
from zoo.cli.commands.bench import command
from zoo.errors import UsageError

SHOWN = {"form", "columns", "brief", "sort_by", "quiet", "dry_run", "timings"}
"""Options of the command that say how the table is shown, or that nothing is run."""
NAMES = {"compile_": "compile", "overrides": "set"}
SETTINGS = {"models": ["linear"], "data": ["digits"], "limit_train": 60, "limit_test": 40, "epochs": 1, "seeds": 2}
SIZES = ["--limit-train", "60", "--limit-test", "40", "--epochs", "1", "--seeds", "2"]
WORDS = ["--models", "linear", "--data", "digits", *SIZES]


def test_everything_that_the_command_takes_has_the_same_name() -> None:
    options = {NAMES.get(each.name or "", each.name or "") for each in command.params} - SHOWN
    taken = {*inspect.signature(zoo.bench).parameters, *BenchOptions.__annotations__} - {"options", "show"}
    assert taken - {"plugins", "strict_plugins", "no_plugins"} == options - {"plugin", "strict_plugins", "no_plugins"}
    assert set(RUN_DEFAULTS) <= set(BenchOptions.__annotations__)


def test_the_plan_is_that_of_the_command_line(run_zoo: Callable[..., object], tmp_path: Path) -> None:
    given = {**SETTINGS, "recipes": "sgd_*", "set": {"recipe.lr": 0.5}, "folds": None, "precision": "fp32"}
    form, errors = form_of({**given, "first_seed": 3}, out=tmp_path)
    choice = PluginChoice(installed=False)
    plan = form.read(choice.catalog(), choice.sources(), errors=errors).chosen.plan
    more = ["--recipes", "sgd_*", "--set", "recipe.lr=0.5", "--precision", "fp32", "--first-seed", "3"]
    told = run_zoo("plan", *WORDS, *more, "--format", "json", "--out", str(tmp_path))
    trials = json.loads(told.stdout)["trials"]  # type: ignore[attr-defined]
    assert [trial.model_dump(mode="json") for trial in plan.trials] == trials


def test_a_suite_file_is_overridden_by_arguments(tmp_path: Path) -> None:
    suite = tmp_path / "suite.toml"
    suite.write_text('models = ["linear"]\nseeds = 2\n[set]\nrecipe.epochs = 9\nrecipe.lr = 0.5\n')
    form, errors = form_of({"suite": suite, "seeds": 1, "epochs": 3}, out="runs")
    assert errors == []
    assert form.raw == {"models": ["linear"], "seeds": 1, "epochs": 3, "set": {"recipe.lr": 0.5}}
    assert form.origin == f"{suite} or zoo.bench"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"models": "resnet20_cifr"}, ["--models", "resnet20_cifr"]),
        ({"seeds": 0}, ["--seeds", "0"]),
        ({"set": {"recipe.lrr": 1}}, ["--set", "recipe.lrr=1"]),
        ({"timeout": -1}, ["--timeout", "-1"]),
        ({"listen": ["ear"]}, ["--listen", "ear"]),
        ({"executor": "raay"}, ["--executor", "raay"]),
        ({"runtimes": ["onx"]}, ["--runtimes", "onx"]),
        ({"data": "folder"}, ["--data", "folder"]),
    ],
)
def test_a_mistake_raises_the_sentence_of_the_command_line(
    given: dict, words: list[str], run_zoo: Callable[..., object], tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        zoo.bench(**given, no_plugins=True, show="nothing", out=tmp_path)
    told = run_zoo("bench", *words, "--out", str(tmp_path)).stderr  # type: ignore[attr-defined]
    mine = str(caught.value).replace("zoo.bench:", "the command line:").replace("setting of zoo.bench", "setting")
    for name in ("timeout",):
        mine = mine.replace(f"{name} =", f"--{name}")
    assert told == f"zoo: {mine}\n"


def test_images_that_cannot_be_fingerprinted_by_their_source_are_noted(tmp_path: Path) -> None:
    import numpy as np

    from zoo.api.benching import read_call

    class Noisy:
        def __len__(self) -> int:
            return 6

        def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
            return np.random.default_rng().integers(0, 256, (8, 8), dtype=np.uint8), index % 2

    call = read_call({"models": "linear", "data": Noisy(), "no_plugins": True}, out=tmp_path)
    (note,) = call.notes
    assert "images of the train split differ from reading to reading" in note


def test_an_unknown_setting_has_near_names() -> None:
    with pytest.raises(UsageError, match=r"no setting of zoo\.bench is called 'epoch_'"):
        zoo.bench(epoch_=3)  # type: ignore[call-arg]


def test_a_result_is_what_the_records_say(catalog: zoo.Catalog, tmp_path: Path) -> None:
    import shutil

    from harness.bench.bench import BenchSummary
    from zoo.api.running.flow import BenchOutcome

    store = tmp_path / "runs"
    shutil.copytree(Path(__file__).parents[2] / "fixtures" / "store-v1", store)
    ranking = zoo.rank(store)
    records = tuple(record for _, record in ranking.trials)
    summary = BenchSummary(records=records, counts={"done": len(records)}, interrupted=False, not_started=("x",))
    outcome = BenchOutcome(summary=summary, trials=tuple(ranking.trials), runtimes=None, problems=("p",), stopped="")
    result = result_of(outcome, catalog, store)
    assert result.records == records
    assert list(result.table["model"]) == list(ranking.table["model"])
    assert result.problems == ("p", "1 trial not started: the budget is spent; the same call continues")
    assert not result.is_complete
    assert f"{len(records)} done" in repr(result)
    assert (store / "leaderboard.csv").is_file()


def test_a_dataset_and_an_executor_name_libraries_that_are_missing_before_anything_runs(tmp_path: Path) -> None:
    plugin = tmp_path / "needy.py"
    plugin.write_text(
        "from zoo import Dataset, Executor, hookimpl\n"
        "@hookimpl\n"
        "def zoo_datasets():\n"
        "    yield Dataset(name='far', load=print, libraries=('no-such-reader',))\n"
        "@hookimpl\n"
        "def zoo_executors():\n"
        "    yield Executor(name='away', open=print, libraries=('no-such-cluster',))\n"
    )
    with pytest.raises(UsageError) as caught:
        zoo.bench("linear", "far", plugins=[plugin], executor="away", out=tmp_path, no_plugins=True)
    assert "dataset 'far' needs no-such-reader, which is not installed: pip install no-such-reader" in str(caught.value)
    assert "executor 'away' needs no-such-cluster, which is not installed" in str(caught.value)


def test_importing_zoo_and_its_lists_never_import_torch() -> None:
    code = "import sys, zoo; zoo.bench, zoo.list_models('lenet*'), zoo.diff; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


@pytest.mark.slow
def test_the_command_gives_the_same_keys_records_and_predictions(zoo_script: Path, tmp_path: Path) -> None:
    result = zoo.bench(**SETTINGS, out=tmp_path / "python", show="nothing", no_plugins=True, device="cpu")
    assert result.is_complete, result.problems
    told = subprocess.run(
        [zoo_script, "--no-plugins", "bench", *WORDS, "--out", tmp_path / "command", "--device", "cpu"],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert told.returncode == 0, told.stderr
    folders = [
        sorted(path.parent.name for path in (tmp_path / way).glob("*/record.json")) for way in ("python", "command")
    ]
    assert folders[0] == folders[1] != []
    for name in folders[0]:
        one, other = (tmp_path / way / name for way in ("python", "command"))
        for file in ("predictions.safetensors", "checkpoint.safetensors", "spec.json"):
            assert (one / file).read_bytes() == (other / file).read_bytes(), file
        records = [json.loads((folder / "record.json").read_text()) for folder in (one, other)]
        for field in ("result_key", "spec", "metrics", "data"):
            assert records[0][field] == records[1][field], field
    # The same call reuses what the command has made.
    again = zoo.bench(**SETTINGS, out=tmp_path / "command", show="nothing", no_plugins=True, device="cpu")
    assert {record.started_at for record in again.records} == {
        json.loads(path.read_text())["started_at"] for path in (tmp_path / "command").glob("*/record.json")
    }
    classifier = result.best.load(device="cpu")
    assert len(classifier.classes) == 10


@pytest.mark.slow
def test_images_and_networks_are_given_without_a_plugin(tmp_path: Path) -> None:
    import numpy as np
    from torch import nn

    def flat(num_classes: int, image_size: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * image_size**2, num_classes))

    rng = np.random.default_rng(0)
    labels = np.arange(120) % 3
    pixels = (rng.integers(0, 60, (120, 8, 8, 3)) + 90 * labels[:, None, None, None]).astype(np.uint8)
    given = {"models": {"flat": flat}, "data": (pixels, labels), "recipes": "sgd_quick", "seeds": 1, "epochs": 2}
    result = zoo.bench(**given, out=tmp_path, show="nothing", no_plugins=True, device="cpu", measure_seconds=0)
    assert result.is_complete, result.problems
    assert list(result.table["model"]) == ["flat"]
    again = zoo.bench(**given, out=tmp_path, show="nothing", no_plugins=True, device="cpu", measure_seconds=0)
    assert [record.started_at for record in again.records] == [record.started_at for record in result.records]
    assert result.best.load(device="cpu").predict_proba(pixels[:3]).shape == (3, 3)
