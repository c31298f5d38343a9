"""Learning curves: read from histories, also incomplete ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.records.history import encode_row
from reports.pictures.curves import read_curves, trial_folders
from zoo.errors import StoreError


def write_history(folder: Path, rows: list[dict[str, object]], tail: bytes = b"") -> Path:
    folder.mkdir(parents=True)
    content = b"".join(encode_row({"event": "epoch", **row}) for row in rows)
    (folder / "history.jsonl").write_bytes(content + tail)
    return folder


def epoch(number: int, loss: float = 1.0, accuracy: float = 0.5) -> dict[str, object]:
    return {"epoch": number, "train_loss": loss, "val_loss": loss, "train_accuracy": None, "val_accuracy": accuracy}


def test_an_epoch_that_is_not_whole_or_not_finite_is_left_out(tmp_path: Path) -> None:
    rows = [epoch(1), {**epoch(2), "val_loss": None}, epoch(3)]
    curves = read_curves(write_history(tmp_path / "t", rows, tail=encode_row(epoch(4))[:-9]))
    assert curves.epochs == (1, 2, 3)
    assert [x for x, _ in curves.points("val_loss")] == [1, 3]
    assert curves.points("train_accuracy") == []


def test_a_trial_that_was_continued_counts_each_epoch_once(tmp_path: Path) -> None:
    curves = read_curves(write_history(tmp_path / "t", [epoch(1), epoch(2, loss=9), epoch(2, loss=2), epoch(3)]))
    assert curves.points("val_loss") == [(1, 1.0), (2, 2.0), (3, 1.0)]


def test_a_store_means_all_its_trials(tmp_path: Path) -> None:
    folders = [write_history(tmp_path / name, [epoch(1)]) for name in ("b", "a")]
    assert trial_folders([tmp_path, folders[0]]) == [folders[1], folders[0]]


@pytest.mark.parametrize(("name", "sentence"), [("none", "there is no folder"), ("empty", "no epoch has finished yet")])
def test_metrics_without_curves_give_one_sentence(tmp_path: Path, name: str, sentence: str) -> None:
    write_history(tmp_path / "empty", [])
    with pytest.raises(StoreError, match=sentence):
        read_curves(tmp_path / name)


def test_values_read_back_from_json_are_those_of_the_history(tmp_path: Path) -> None:
    rows = [epoch(1, loss=0.1 + 0.2), epoch(2, loss=1 / 3)]
    curves = read_curves(write_history(tmp_path / "t", rows))
    assert json.loads(json.dumps(curves.values["val_loss"])) == [0.1 + 0.2, 1 / 3]
