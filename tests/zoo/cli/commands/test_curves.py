"""``zoo curves``: a chart that fits 80 columns without colours, or the numbers."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from harness.records.history import encode_row

Run = Callable[..., Result]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    for name, gain in (("one", 1.0), ("two", 2.0)):
        (tmp_path / name).mkdir()
        rows = [
            {"event": "epoch", "epoch": number, "train_loss": 2 / number, "val_loss": 2.5 / number,
             "train_accuracy": None, "val_accuracy": 1 - 1 / (1 + gain * number)}
            for number in range(1, 9)
        ]  # fmt: skip
        (tmp_path / name / "history.jsonl").write_bytes(b"".join(map(encode_row, rows)))
    return tmp_path


def test_the_chart_fits_80_columns_and_has_no_colours_in_a_pipe(run_zoo: Run, store: Path) -> None:
    shown = run_zoo("curves", str(store / "one"), str(store / "two"))
    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in shown.stdout
    assert lines[0] == "loss"
    assert "a  one: best validation accuracy 88.9 % in epoch 8 of 8" in lines
    assert "b  two: best validation accuracy 94.1 % in epoch 8 of 8" in lines


def test_the_numbers_come_as_csv_and_json(run_zoo: Run, store: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run_zoo("curves", str(store), "--format", "csv").stdout)))
    assert len(rows) == 16
    assert (rows[0]["trial"], rows[0]["val_loss"], rows[0]["train_accuracy"]) == ("one", "2.5", "")
    one, two = json.loads(run_zoo("curves", str(store), "--format", "json").stdout)
    assert one["val_loss"] == [2.5 / number for number in range(1, 9)]
    assert two["trial"] == "two"


def test_all_folders_that_are_not_trials_are_reported(run_zoo: Run, store: Path) -> None:
    done = run_zoo("curves", str(store / "one"), "nowhere", str(store / "neither"))
    assert done.exit_code != 0
    assert "nowhere" in done.stderr
    assert "neither" in done.stderr


def test_drawing_loads_no_torch(store: Path) -> None:
    code = "import sys; from zoo.cli import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code, "curves", str(store / "one")],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    assert done.returncode == 0
    assert not set(done.stderr.split()) & {"torch", "timm", "torchvision"}
