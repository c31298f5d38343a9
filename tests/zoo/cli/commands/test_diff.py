"""``zoo diff``: what it says, where it writes, and how it exits."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from harness.records.predictions import SavedPredictions, save_predictions
from harness.records.record import DataInfo, Outcome, Rate, Record, SpeedInfo
from harness.records.spec import ArchitectureSpec, DatasetSpec, ProviderSpec, RecipeSpec, TrialSpec
from harness.records.store import trial_id, write_record
from zoo.metric import Predictions

Run = Callable[..., Result]
PROVIDER = ProviderSpec(plugin="p")
CLASSES = ("a", "b")


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda handle: None)  # nothing here is about durability


def write(store: Path, name: str = "net", *, num_wrong: int = 20, rate: float = 1000.0, torch: str = "2.11.0") -> Path:
    """Write two seeds of a cell, with so many of 1,000 images wrong, and return the store."""
    for seed in (0, 1):
        spec = TrialSpec(
            architecture=ArchitectureSpec(full_name=f"p/{name}", display_name=name, provider=PROVIDER),
            dataset=DatasetSpec(full_name="p/set", display_name="set", provider=PROVIDER),
            recipe=RecipeSpec(full_name="p/r", display_name="r", provider=PROVIDER, hyperparameters={"batch_size": 8}),
            seed=seed,
        )
        key = f"{seed}{len(name)}" * 32
        folder = store / trial_id(spec, key)
        folder.mkdir(parents=True)
        labels = np.zeros(1000, dtype=np.int64)
        guesses = (np.arange(1000) < num_wrong).astype(np.int64)
        predictions = Predictions(logits=np.eye(2, dtype=np.float32)[guesses], labels=labels, classes=CLASSES)
        save_predictions(folder, SavedPredictions(predictions=predictions, samples=np.arange(1000, dtype=np.uint64)))
        speed = Rate(median=rate, low=0.99 * rate, high=1.01 * rate, windows=20, batch_size=8)
        record = Record(
            trial_id=folder.name,
            result_key=key,
            measurement_key="m",
            outcome=Outcome.DONE,
            spec=spec,
            data=DataInfo(
                fingerprint="f", classes=CLASSES, image_size=8, channels=1, num_train=8, num_val=2, num_test=1000
            ),
            speed=SpeedInfo(train=speed),
            environment={"torch": torch, "device_name": "x", "driver": "", "threads": 1},
        )
        write_record(folder, record)
    return store


def test_equal_sets_are_equivalent_and_exit_with_0(run_zoo: Run, tmp_path: Path) -> None:
    before, after = write(tmp_path / "a"), write(tmp_path / "b", torch="2.12.0")
    result = run_zoo("diff", str(before), str(after), "--max-accuracy-drop", "0", "--max-slowdown", "1")
    assert result.exit_code == 0, result.output
    assert "1 cell in both (1 equivalent)" in result.stdout
    assert "torch: 2.11.0 → 2.12.0" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("limits", "code", "sentence"),
    [
        ((), 0, ""),
        (("--max-accuracy-drop", "5"), 0, ""),
        (
            ("--max-accuracy-drop", "1"),
            1,
            "net · set · r: accuracy fell by 4.0 points, significantly more than 1 point",
        ),
        (("--max-slowdown", "2.5"), 0, ""),
        (
            ("--max-slowdown", "1.5"),
            1,
            "net · set · r: training takes 2.00 times as long, significantly more than 1.5 times",
        ),
    ],
)
def test_a_regression_past_its_limit_exits_with_1_and_says_so(
    run_zoo: Run, tmp_path: Path, limits: tuple[str, ...], code: int, sentence: str
) -> None:
    before, after = write(tmp_path / "a"), write(tmp_path / "b", num_wrong=60, rate=500.0)
    result = run_zoo("diff", str(before), str(after), *limits)
    assert result.exit_code == code
    assert "1 regression" in result.stdout
    assert sentence in result.stderr
    assert bool(sentence) == bool(result.stderr)


def test_mistakes_are_reported_together_and_exit_with_2(run_zoo: Run, tmp_path: Path) -> None:
    before = write(tmp_path / "a")
    result = run_zoo(
        "diff", str(before), "nowhere", "--margin", "0", "--max-slowdown", "0.5", "--max-accuracy-drop", "x",
        "--format", "jsn",
    )  # fmt: skip
    assert result.exit_code == 2
    assert "there is no folder nowhere" in result.stderr
    assert "--margin 0: it must be a number above 0 and at most 100" in result.stderr
    assert "--max-slowdown 0.5: it must be a number from 1 to" in result.stderr
    assert "--max-accuracy-drop x: it must be a number from 0 to 100" in result.stderr
    assert "did you mean 'json'" in result.stderr


def test_a_folder_without_its_other_side_is_a_mistake(run_zoo: Run, tmp_path: Path) -> None:
    assert run_zoo("diff", str(write(tmp_path / "a"))).exit_code == 2
    assert run_zoo("diff", str(tmp_path / "a"), ",").exit_code == 2


def test_a_side_may_be_several_folders_with_commas_between_and_one_may_have_a_comma(
    run_zoo: Run, tmp_path: Path
) -> None:
    both = write(tmp_path / "x,y")
    write(both, "other")
    sides = [str(both), f"{write(tmp_path / 'a')},{write(tmp_path / 'b', 'other')}"]
    result = run_zoo("diff", *sides)
    assert result.exit_code == 0, result.output
    assert "2 cells in both (2 equivalent)" in result.stdout


def test_a_wider_margin_makes_more_equivalent(run_zoo: Run, tmp_path: Path) -> None:
    before, after = write(tmp_path / "a", num_wrong=20), write(tmp_path / "b", num_wrong=25)
    assert "1 equivalent" not in run_zoo("diff", str(before), str(after), "--margin", "0.5").stdout
    assert "1 equivalent" in run_zoo("diff", str(before), str(after), "--margin", "2").stdout


@pytest.mark.parametrize(
    ("name", "start"), [("x.json", "{"), ("x.csv", "model,"), ("x.md", "### "), ("x.txt", str(Path("/")))]
)
def test_the_suffix_of_a_file_determines_its_format(run_zoo: Run, tmp_path: Path, name: str, start: str) -> None:
    sides = [str(write(tmp_path / "a")), str(write(tmp_path / "b"))]
    result = run_zoo("diff", *sides, "-o", str(tmp_path / name))
    assert (result.exit_code, result.stdout) == (0, "")
    assert (tmp_path / name).read_text().startswith(start)
    assert run_zoo("diff", *sides, "-o", str(tmp_path / name), "--format", "json").exit_code == 0
    assert json.loads((tmp_path / name).read_text())["cells"][0]["accuracy"]["verdict"] == "equivalent"


def test_an_unreadable_record_is_reported_and_exits_with_1(run_zoo: Run, tmp_path: Path) -> None:
    before, after = write(tmp_path / "a"), write(tmp_path / "b")
    (next(after.iterdir()) / "record.json").write_text("{")
    result = run_zoo("diff", str(before), str(after))
    assert result.exit_code == 1
    assert "left out: " in result.stderr
    assert "left out: " in result.stdout


def test_torch_is_not_loaded(tmp_path: Path) -> None:
    sides = [str(write(tmp_path / "a")), str(write(tmp_path / "b"))]
    code = (
        "import atexit, sys; from zoo.cli import main; sys.argv[0] = 'zoo'\n"
        "atexit.register(lambda: print(sorted({'torch', 'timm', 'torchvision', 'pandas'} & set(sys.modules))))\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code, "diff", *sides], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
